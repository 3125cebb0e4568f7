"""The download of a drop from a bucket into its take: several files at a time, each whole or not at all."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.queue.takes import Take, announce_take
from flows.inboxes.shelf import make_durable, move
from flows.installation.processes import this_process
from flows.submission.drop import BESIDE, outline_of
from preservation.errors import SourceChangedError, UnacceptableContentError, UnavailableError
from preservation.files.tree import make_folders, remove_tree
from preservation.manifests.names import sidecars_beside
from preservation.model.paths import printable
from preservation.pool import in_order
from preservation.records import Records
from storage.ports.drop_buckets import DropBucket, DroppedObject

_BLOCK_BYTES: Final = 1 << 20
_AHEAD: Final = 4
"""So many objects may be queued for each thread."""

Item = TypeVar("Item")


class StoppedError(Exception):
    """The service was asked to end; the next one does what is left."""


@dataclass(slots=True)
class DownloadProgress:
    """How much of a drop has been downloaded, and of how much."""

    of_files: int = 0
    of_bytes: int = 0
    files: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        """Count a file."""
        with self._lock:
            self.files += 1
            self.bytes += size


def objects_of(take: Take) -> Records[DroppedObject]:
    """Return the objects of the take's drop as they were listed; the record exists once that is final."""
    return Records(take.folder / "objects.jsonl", DroppedObject)


def sentinels_of(take: Take) -> Records[DroppedObject]:
    """Return the sentinels and sidecars that lay beside it."""
    return Records(take.folder / "sentinels.jsonl", DroppedObject)


def is_sidecar(take: Take, dropped: DroppedObject) -> bool:
    """Return whether what lay beside the drop is a manifest of it, which is fetched; a sentinel is not."""
    return dropped.key.rpartition("/")[2] in sidecars_beside(take.name)


def remove_sidecars(take: Take) -> None:
    """Remove the copies of the sidecars, of which the originals are in the bucket."""
    with suppress(OSError):
        remove_tree(take.beside.path)


def local_path(take: Take, dropped: DroppedObject, root: Path) -> Path:
    """Return the path of an object of the drop, or of one beside it, below ``root``."""
    below = dropped.key.removeprefix(DropPlace.of(take).key)
    return root / f"{take.name}{below}"


def download(
    take: Take, bucket: DropBucket, threads: int, stopped: threading.Event, progress: DownloadProgress
) -> Take:
    """Download all that is missing, then move the drop into the take; return the take as it is then.

    Raises ``SourceChangedError`` where an object is no longer the one that was listed,
    ``UnacceptableContentError`` where the keys cannot be files and folders beside each other, ``OSError``,
    ``StorageError``, and ``StoppedError``.
    """
    arriving, parts = take.arrived.path, take.arriving / "parts"
    beside = take.arriving / BESIDE
    if not _is_of_this_boot(take):
        # After a crash of the machine, a file may have its name and not its content.
        with suppress(OSError):
            remove_tree(take.arriving)
    with suppress(OSError):
        remove_tree(parts)
    for folder in (arriving, parts):
        make_folders(folder)

    def download_one(numbered: tuple[int, tuple[Path, DroppedObject]]) -> None:
        number, (root, dropped) = numbered
        target = local_path(take, dropped, root)
        try:
            if dropped.key.endswith("/"):
                make_folders(target)
                return
            make_folders(target.parent)
            if not (target.is_file() and target.stat().st_size == dropped.size):
                copy_object(bucket, dropped, parts / str(number), stopped)
                (parts / str(number)).rename(target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UnacceptableContentError(
                f"{printable(dropped.key)} cannot be a file or a folder beside the others, because "
                "one of them has its name, or the name of a folder on the way to it; give it another name"
            ) from error
        progress.add(dropped.size)

    sidecars = [one for one in sentinels_of(take) if is_sidecar(take, one)]
    wanted = chain(((arriving, one) for one in objects_of(take)), ((beside, one) for one in sidecars))
    each(enumerate(wanted), download_one, threads, stopped)
    remove_tree(parts)
    make_durable(arriving)
    if sidecars:
        remove_sidecars(take)
        beside.rename(take.beside.path)
    taken = msgspec.structs.replace(
        take,
        by=this_process(),
        tree=outline_of(arriving / take.name).signature,
        sentinels=tuple(local_path(take, one, take.beside.path).name for one in sidecars),
    )
    announce_take(taken)
    move(taken.arrived, take.name, taken.shelf, take.name)
    with suppress(OSError):
        remove_tree(take.arriving)
    return taken


def copy_object(bucket: DropBucket, dropped: DroppedObject, target: Path, stopped: threading.Event) -> None:
    """Write that very object to a new file, with the time of its last change.

    Raises ``SourceChangedError`` where the object was replaced, ``UnavailableError`` where it cannot be read
    to its end or its bytes do not match the service's digest, and ``StoppedError``.
    """
    buffer = memoryview(bytearray(min(_BLOCK_BYTES, dropped.size + 1)))
    size = 0
    with bucket.open(dropped) as stream, target.open("xb", buffering=0) as sink:
        while True:
            try:
                count = stream.readinto(buffer)
            except OSError as error:
                raise UnavailableError(
                    f"bucket inbox {bucket.name}: {printable(dropped.key)} cannot be read to its end "
                    f"({error}); check the service and the network; it is tried again"
                ) from error
            if not count:
                break
            size += count
            rest = buffer[:count]
            while rest:
                # A disk that is almost full accepts a part of it.
                rest = rest[sink.write(rest) :]
            if stopped.is_set():
                raise StoppedError
    if size != dropped.size:
        raise SourceChangedError(
            f"bucket inbox {bucket.name}: {printable(dropped.key)} has {size} bytes, and "
            f"{dropped.size} were listed"
        )
    modified = dropped.modified.timestamp()
    os.utime(target, (modified, modified))


def until_stopped(items: Iterable[Item], stopped: threading.Event) -> Iterator[Item]:
    """Yield the items. Raises ``StoppedError`` once ``stopped`` is set."""
    for item in items:
        if stopped.is_set():
            raise StoppedError
        yield item


def each(
    items: Iterable[Item], work: Callable[[Item], object], threads: int, stopped: threading.Event
) -> None:
    """Do ``work`` for each of the items, several at a time.

    Raises what the first to fail raised, and ``StoppedError`` once ``stopped`` is set.
    """

    def work_on(item: Item) -> None:
        if stopped.is_set():
            raise StoppedError
        work(item)

    for _ in in_order(work_on, items, threads=threads, ahead=_AHEAD * threads, name="bucket"):
        pass


def _is_of_this_boot(take: Take) -> bool:
    boot = this_process().born.partition(" ")[0]
    return take.by.born.partition(" ")[0] == boot
