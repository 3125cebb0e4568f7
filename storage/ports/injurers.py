"""The port of rehearsals: damages files of a store that is there to be damaged, as disks and people do."""

from typing import Protocol

from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey


class Injurer(Protocol):
    """Writes past every promise of a ``Store``. Every peer passes ``tests/contract/test_replacers.py``.

    Both methods raise ``StorageError``, and ``UnavailableError`` where the place is not the store.
    """

    @property
    def name(self) -> StoreName:
        """The store that it damages."""

    def write(self, key: StoreKey, content: bytes) -> None:
        """Let the file under ``key`` have this content, whether one was there or not."""

    def remove(self, key: StoreKey) -> None:
        """Let the file under ``key`` be gone. Nothing there is fine."""
