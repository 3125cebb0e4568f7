"""The port to what a provider states of the files that it keeps for a store: nothing of that was read.

A checksum that a provider keeps was made when the bytes arrived, or whenever it likes. It says what the
provider believes, and no more; reading the bytes is another port.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from preservation.model.digests import Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey


@dataclass(frozen=True, slots=True)
class StatedFile:
    """What the provider states of the file under ``key``: its size in bytes, and digests of all of it."""

    key: StoreKey
    size: int
    digests: Digests


class Provider(Protocol):
    """States what it keeps. Every peer passes ``tests/contract/test_providers.py``."""

    @property
    def name(self) -> StoreName:
        """The store that it keeps files for."""

    def stated(self, prefix: StoreKey) -> Iterator[StatedFile]:
        """Yield what is stated of every file below ``prefix``, in the order of the keys' bytes.

        ``digests`` is empty where the provider states none, or none that is of all the bytes, as where a
        file came in parts. Raises ``StorageError`` where it does not answer, ``UnavailableError`` where the
        place is not the store.
        """
