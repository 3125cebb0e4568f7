"""The folder ``_journal`` of a store: what it keeps of the journal, also where a file was given once more.

A store only creates. What is damaged there stays as it is, and is given again under the next free name:
``000000001-000000003.jsonl``, then ``000000001-000000003.2.jsonl``.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from preservation.errors import IntegrityError, UnavailableError
from preservation.model.paths import StoreKey, printable
from storage.journal.exported import FOLDER, HEAD_SUFFIX
from storage.journal.heads import KeptHead, read_head
from storage.ports.stores import Store, opened_file

_LONGEST_HEAD: Final = 4096
"""Bytes that are read of a file of a head; one has some 400."""

_COPY: Final = re.compile(r"(.*?)(?:\.([0-9]+))?(\.jsonl|\.head\.json|\.pub\.pem|\.tsr)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """What ``store`` listed: ``sizes`` by key, and ``copies`` of each file by the key it was first given."""

    store: Store
    sizes: Mapping[StoreKey, int]
    copies: Mapping[StoreKey, tuple[StoreKey, ...]] = field(repr=False)

    @property
    def heads(self) -> tuple[StoreKey, ...]:
        """The keys of all that is called a signed head, in order."""
        return tuple(sorted(key for key in self.sizes if key.endswith(HEAD_SUFFIX)))

    def next_copy(self, key: StoreKey) -> StoreKey:
        """Return the first free name for another copy of the file of ``key``."""
        numbers = [_parts(copy)[1] for copy in self.copies.get(key, ())]
        stem, _, suffix = _parts(key)
        return StoreKey(f"{stem}.{max(numbers) + 1}{suffix}") if numbers else key

    def head(self, key: StoreKey) -> KeptHead:
        """Read what is called a signed head. Raises ``StorageError``."""
        holder = f"store {self.store.name}"
        try:
            with self.opened(key) as file:
                line = file.read(_LONGEST_HEAD)
            return KeptHead(holder, printable(key), read_head(line))
        except (ValueError, IntegrityError) as reason:
            return KeptHead(holder, printable(key), str(reason))

    def all_heads(self) -> Iterator[tuple[StoreKey, KeptHead]]:
        """Read them all. Raises ``StorageError``."""
        return ((key, self.head(key)) for key in self.heads)

    @contextmanager
    def opened(self, key: StoreKey) -> Iterator[BinaryIO]:
        """Open one of the files. Raises ``StorageError``, also where reading fails, and ``IntegrityError``.

        That one is about what is no plain file.
        """
        try:
            with opened_file(self.store, key) as file:
                yield file
        except OSError as error:
            raise UnavailableError(
                f"store {self.store.name}: {printable(key)} cannot be read: {error.strerror or error}; check "
                "that its disk is healthy and mounted"
            ) from error


def read_folder(store: Store) -> StoreFolder:
    """List the folder. Raises ``StorageError`` as the store does."""
    sizes = {kept.key: kept.size for kept in store.list(FOLDER)}
    copies: dict[StoreKey, tuple[StoreKey, ...]] = {}
    for key in sorted(sizes, key=lambda key: (_parts(key)[1], key)):
        copies[first_name(key)] = (*copies.get(first_name(key), ()), key)
    return StoreFolder(store, sizes, copies)


def first_name(key: StoreKey) -> StoreKey:
    """Return the key under which the file was first given."""
    stem, _, suffix = _parts(key)
    return StoreKey(f"{stem}{suffix}")


def _parts(key: StoreKey) -> tuple[str, int, str]:
    match = _COPY.fullmatch(key)
    return (match[1], int(match[2] or 1), match[3]) if match else (key, 1, "")
