"""What a store holds of packages, file by file, written down before a loss and compared afterwards."""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, groupby
from pathlib import Path

import msgspec

from preservation.errors import DeniedError, IntegrityError, NotFoundError
from preservation.fixity.digesting import digest_stream
from preservation.model.amounts import OnProgress
from preservation.model.digests import Algorithm
from preservation.model.identifiers import PackageId
from preservation.model.paths import StoreKey
from preservation.pool import in_order, in_portions
from storage.ports.stores import KeptFile, Store
from storage.readback import ThreadBuffer

_FILES = 256
_BYTES = 16 << 20

_OF_A_VERSION = 3
"""So many segments of a key are the collection, the object and the version."""


class FileInStore(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was read in a store: its key as bytes, how many bytes it has, and their SHA-256.

    Where it could not be read to its end, ``sha256`` is empty, and ``size`` is what the store lists.
    """

    key: bytes
    size: int
    sha256: str


def files_of(
    store: Store, packages: Iterable[PackageId], *, threads: int, progress: OnProgress
) -> Iterator[FileInStore]:
    """Read every file of the packages from where it rests; yield each, in the order of the keys of a package.

    Memory does not grow with their number. Raises ``StorageError`` where the store does not answer.
    """
    buffer = ThreadBuffer()

    def read(batch: Sequence[KeptFile]) -> list[FileInStore]:
        return [_read(store, one, buffer.bytes, progress) for one in batch]

    listed = chain.from_iterable(store.list(package.prefix) for package in packages)
    batches = in_portions(listed, lambda one: one.size, most=_FILES, enough=_BYTES)
    with closing(in_order(read, batches, threads=threads, ahead=2 * threads, name="compare")) as found:
        yield from chain.from_iterable(found)


def differing(before: Iterable[FileInStore], after: Iterable[FileInStore]) -> Iterator[StoreKey]:
    """Yield the key of each file that is not the same in both, each of them in the order of the keys."""
    both = heapq.merge(before, after, key=lambda one: one.key)
    for key, found in groupby(both, key=lambda one: one.key):
        first, *others = found
        if others != [first] or not first.sha256:
            yield StoreKey(os.fsdecode(key))


def by_version(
    packages: Iterable[PackageId], files: Iterable[FileInStore]
) -> Iterator[tuple[PackageId, Iterable[FileInStore]]]:
    """Yield each package with its own of the ``files``, which come in the same order; some have none."""
    groups = groupby(files, key=lambda one: one.key.split(b"/", _OF_A_VERSION)[:_OF_A_VERSION])
    group = next(groups, None)
    for package in packages:
        if group is not None and group[0] == os.fsencode(package.prefix).split(b"/"):
            yield package, group[1]
            group = next(groups, None)
        else:
            yield package, ()


def write_down(files: Iterable[FileInStore], place: Path) -> tuple[int, int]:
    """Write the files to ``place``, one a line; return how many they are, and their bytes."""
    encoder, written, size = msgspec.json.Encoder(), 0, 0
    with place.open("wb") as lines:
        for one in files:
            lines.write(encoder.encode(one) + b"\n")
            written += 1
            size += one.size
    return written, size


def written_down(place: Path) -> Iterator[FileInStore]:
    """Yield the files that ``write_down`` wrote, one by one."""
    decoder = msgspec.json.Decoder(FileInStore)
    with place.open("rb") as lines:
        yield from map(decoder.decode, lines)


def _read(store: Store, listed: KeptFile, buffer: bytearray, progress: OnProgress) -> FileInStore:
    key = os.fsencode(listed.key)
    try:
        with store.open(listed.key) as stream:
            size, digests = digest_stream(stream, (Algorithm.SHA256,), buffer)
    except (OSError, DeniedError, IntegrityError, NotFoundError):
        return FileInStore(key, listed.size, "")
    progress(1, size)
    return FileInStore(key, size, digests[Algorithm.SHA256])
