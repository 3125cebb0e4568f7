"""Bringing wanted files from the stores: the first replica that has each as it was kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue

from preservation.errors import NotFoundError, PreservationError
from preservation.fixity.checking import Confirmed, Unreadable
from preservation.fixity.digesting import BUFFER_BYTES
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue
from storage.portions import in_portions
from storage.ports.stores import Store
from storage.restore.outcomes import (
    REPLICA_DIFFERS,
    REPLICA_LACKS_FILE,
    REPLICA_UNREADABLE,
    Restored,
    WantedFile,
    lost_issue,
    replica_issue,
)
from storage.restore.target import Landing

_BATCH_FILES = 8


@dataclass(frozen=True, slots=True)
class _Brought:
    """One file: the store that gave it (``None``: none did), its size, and what others had to say."""

    wanted: WantedFile
    store: StoreName | None
    size: int
    issues: tuple[Issue, ...]


def restore(
    package: PackageId,
    wanted: Sequence[WantedFile],
    stores: Sequence[Store],
    landing: Landing,
    *,
    threads: int,
) -> Restored:
    """Bring ``wanted`` into ``landing``; every byte is digested on its way and compared.

    Of each file the stores are asked in their order until one has it as it was kept. Where no store has
    one, the rest is set aside under a name that says so, and the target is not made. ``threads`` files
    are brought at a time. Raises ``StorageError`` where nothing can be written, and
    ``AlreadyExistsError`` where something is in the way.
    """
    restored = Restored(package, None)
    for brought in _bring(wanted, stores, landing, threads):
        restored.issues += brought.issues
        if brought.store is None:
            restored.lost.append(brought.wanted.path)
            restored.issues.append(lost_issue(brought.wanted.path))
        else:
            restored.files += 1
            restored.bytes += brought.size
            restored.sources[brought.store] += 1
    if not restored.lost:
        restored.folder = landing.arrive(file.place for file in wanted)
    elif restored.files:
        restored.folder = landing.set_aside()
    return restored


def _bring(
    wanted: Iterable[WantedFile], stores: Sequence[Store], landing: Landing, threads: int
) -> Iterator[_Brought]:
    buffers: SimpleQueue[bytearray] = SimpleQueue()
    for _ in range(threads):
        buffers.put(bytearray(BUFFER_BYTES))

    def batch(files: Sequence[WantedFile]) -> list[_Brought]:
        buffer = buffers.get()
        try:
            return [_bring_one(file, stores, landing, buffer) for file in files]
        finally:
            buffers.put(buffer)

    under_way: deque[Future[list[_Brought]]] = deque()
    workers = ThreadPoolExecutor(threads, "restore")
    try:
        for files in in_portions(wanted, lambda _: 1, most=_BATCH_FILES, enough=_BATCH_FILES):
            under_way.append(workers.submit(batch, files))
            if len(under_way) > 2 * threads:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        workers.shutdown(cancel_futures=True)


def _bring_one(file: WantedFile, stores: Sequence[Store], landing: Landing, buffer: bytearray) -> _Brought:
    issues: list[Issue] = []
    for store in stores:
        with ExitStack() as reading:
            try:
                stream = reading.enter_context(store.open(file.key))
            except NotFoundError:
                issues.append(replica_issue(REPLICA_LACKS_FILE, store.name, file.path, "is not there"))
                continue
            except PreservationError as error:
                issues.append(
                    replica_issue(REPLICA_UNREADABLE, store.name, file.path, f"cannot be read: {error}")
                )
                continue
            verdict = landing.receive(file.place, stream, file.digests, buffer)
        match verdict:
            case Confirmed(size):
                return _Brought(file, store.name, size, tuple(issues))
            case Unreadable(reason):
                issues.append(
                    replica_issue(REPLICA_UNREADABLE, store.name, file.path, f"cannot be read: {reason}")
                )
            case _:
                issues.append(
                    replica_issue(
                        REPLICA_DIFFERS, store.name, file.path, "has other bytes there than were kept"
                    )
                )
    return _Brought(file, None, 0, tuple(issues))
