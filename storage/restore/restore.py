"""Bringing wanted files from the stores: the first replica that has each as it was kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain

from preservation.errors import NotFoundError, PreservationError
from preservation.fixity.checking import Confirmed, FixityVerdict, Unreadable
from preservation.model.amounts import OnProgress, count
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue
from preservation.pool import in_order, in_portions
from storage.ports.stores import Store, unwatched
from storage.readback import Missing, ThreadBuffer
from storage.restore.outcomes import (
    REPLICA_DIFFERS,
    REPLICA_LACKS_FILE,
    REPLICA_UNREADABLE,
    Restored,
    WantedFile,
    lost_issue,
    replica_issue,
    times_not_given_issue,
)
from storage.restore.target import Target

_BATCH_FILES = 8


@dataclass(frozen=True, slots=True)
class _Brought:
    """One file: the store that gave it (``None``: none did), its size, and the findings about others.

    ``damaged`` are the stores that were read and do not hold it as it was kept, each with a sentence;
    ``is_timed`` is false where the target cannot hold its time.
    """

    wanted: WantedFile
    store: StoreName | None
    size: int
    issues: tuple[Issue, ...]
    damaged: tuple[tuple[StoreName, str], ...]
    is_timed: bool = True


def restore(
    package: PackageId,
    wanted: Iterable[WantedFile],
    stores: Sequence[Store],
    target: Target,
    *,
    threads: int,
    damaged: Callable[[StoreName, str], object] = lambda _store, _sentence: None,
    progress: OnProgress = unwatched,
) -> Restored:
    """Bring ``wanted`` into ``target``; every byte is digested on its way and compared.

    For each file the stores are tried in their order until one has it as it was kept. Where no store has
    one, the rest is set aside as ``.incomplete``, and the target is not made. ``threads`` files
    are brought at a time; ``damaged`` is called with each store that does not hold a file as it was kept, and
    the sentence on it; ``progress`` with each file that was tried. Raises ``StorageError`` where nothing can
    be written, and ``AlreadyExistsError`` where something is in the way.
    """
    restored = Restored(package, None)
    without_time = 0
    for brought in _bring(wanted, stores, target, threads):
        restored.issues += brought.issues
        progress(1, brought.size)
        for store, sentence in brought.damaged:
            damaged(store, sentence)
        if brought.store is None:
            restored.lost.append(brought.wanted.path)
            restored.issues.append(lost_issue(brought.wanted.path))
        else:
            restored.files += 1
            restored.bytes += brought.size
            restored.sources[brought.store] += 1
            without_time += not brought.is_timed
    if without_time:
        reason = f"where they were restored to, {count(without_time, 'file')} cannot have it"
        restored.issues.append(times_not_given_issue(reason))
    if not restored.lost:
        restored.folder = target.arrive()
    elif restored.files:
        restored.folder = target.set_aside()
    return restored


def _bring(
    wanted: Iterable[WantedFile], stores: Sequence[Store], target: Target, threads: int
) -> Iterator[_Brought]:
    buffer = ThreadBuffer()

    def bring_batch(files: Sequence[WantedFile]) -> list[_Brought]:
        return [_bring_one(file, stores, target, buffer.bytes) for file in files]

    batches = in_portions(wanted, lambda _: 1, most=_BATCH_FILES, enough=_BATCH_FILES)
    with closing(
        in_order(bring_batch, batches, threads=threads, ahead=2 * threads, name="restore")
    ) as brought:
        yield from chain.from_iterable(brought)


def _bring_one(file: WantedFile, stores: Sequence[Store], target: Target, buffer: bytearray) -> _Brought:
    issues: list[Issue] = []
    damaged: list[tuple[StoreName, str]] = []
    for store in stores:
        match _received(file, store, target, buffer):
            case Confirmed(size):
                is_timed = file.modified is None or target.give_time(file.place, file.modified)
                return _Brought(file, store.name, size, tuple(issues), tuple(damaged), is_timed)
            case Missing():
                code, fault = REPLICA_LACKS_FILE, "is not there"
            case Unreadable(reason):
                code, fault = REPLICA_UNREADABLE, f"cannot be read: {reason}"
            case _:
                code, fault = REPLICA_DIFFERS, "has other bytes there than were kept"
        issue = replica_issue(code, store.name, file.path, fault)
        issues.append(issue)
        if code != REPLICA_UNREADABLE:
            damaged.append((store.name, issue.message))
    return _Brought(file, None, 0, tuple(issues), tuple(damaged))


def _received(file: WantedFile, store: Store, target: Target, buffer: bytearray) -> FixityVerdict | Missing:
    with ExitStack() as reading:
        try:
            stream = reading.enter_context(store.open(file.key))
        except NotFoundError:
            return Missing()
        except PreservationError as error:
            return Unreadable(str(error))
        return target.receive(file.place, stream, file.digests, buffer)
