"""The port that reads many small files of a store at once, and confirms those that are as they were promised.

Apart from ``Store``, for a store may have none: whatever is not confirmed is read by ``Store.open``.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from preservation.model.digests import Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey


class Expected(NamedTuple):
    """A file that is looked for: its key, about how many bytes it has, and the digests that it must have."""

    key: StoreKey
    size: int
    digests: Digests


class Confirmer(Protocol):
    """Confirms many files with few calls. Every peer passes ``tests/contract/test_confirmers.py``.

    It can be sent to another process of this machine, pickled, and be used there.
    """

    @property
    def name(self) -> StoreName:
        """The store in which they are."""

    def confirmed(self, files: Sequence[Expected]) -> list[int | None]:
        """Return how many bytes each file has that was read to its end now, and has all its digests.

        They are read from where they rest, past the page cache. ``None`` says nothing of a file: it may be
        gone, damaged, too large for this, without a digest, or not have been looked at. That the store is
        away raises nothing either. May be called from many threads at once.
        """
