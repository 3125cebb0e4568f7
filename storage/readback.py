"""Reading back: what a store got, or has kept for years, against what was promised of it."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from threading import local
from typing import NamedTuple

from preservation.errors import NotFoundError, reason_of
from preservation.fixity.checking import Confirmed, FixityVerdict, Unreadable, check_stream
from preservation.fixity.digesting import BUFFER_BYTES, ByteStream
from preservation.model.amounts import OnProgress
from preservation.model.digests import Digests
from preservation.model.paths import StoreKey
from preservation.pool import in_order, in_portions
from storage.ports.confirmers import Confirmer, Expected
from storage.ports.stores import Store, unwatched

_BATCH_FILES = 256
_BATCH_BYTES = 16 << 20

_AHEAD_FILES = 8
"""So many files are open before the first of them is read: disk and service fetch them meanwhile."""

_LARGE_BYTES = 8 << 20
"""For files from that size on, progress is reported while they are read."""


class PromisedFile(NamedTuple):
    """What must be found under a key. ``size`` is ``None`` where only digests are known, as in a manifest.

    ``listed_size`` is what the store says of it then: it promises nothing, and tells how long reading takes.
    """

    key: StoreKey
    size: int | None
    digests: Digests
    listed_size: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """There is nothing under the key."""


class Reading(NamedTuple):
    """One file as it was promised, and what reading it showed."""

    promised: PromisedFile
    verdict: FixityVerdict | Missing


class ThreadBuffer(local):
    """A buffer to read into: each thread has its own, made when the thread first uses it."""

    def __init__(self) -> None:
        self.bytes = bytearray(BUFFER_BYTES)


def read_back(
    store: Store,
    promised: Iterable[PromisedFile],
    *,
    threads: int,
    progress: OnProgress = unwatched,
    open_faults: tuple[type[Exception], ...] = (),
    confirmer: Confirmer | None = None,
) -> Generator[Reading]:
    """Read every promised file from where it rests and yield what was found, in the order of the promises.

    Memory does not grow with their number. ``progress`` is called with what has been read. Raises
    ``StorageError`` where the store does not answer; that a file is missing, unreadable or another than
    promised is a finding. ``open_faults`` are errors of opening one that are findings too. What the
    ``confirmer`` of the store confirms is not read once more.
    """
    buffer = ThreadBuffer()

    def read_batch(batch: Sequence[PromisedFile]) -> list[Reading]:
        at_once = _read_at_once(confirmer, batch, progress)
        rest = [one for one, reading in zip(batch, at_once, strict=True) if reading is None]
        one_by_one = iter(_read_batch(store, rest, buffer.bytes, progress, open_faults))
        return [reading or next(one_by_one) for reading in at_once]

    batches = in_portions(promised, _size, most=_BATCH_FILES, enough=_BATCH_BYTES)
    with closing(
        in_order(read_batch, batches, threads=threads, ahead=2 * threads, name="read-back")
    ) as readings:
        yield from chain.from_iterable(readings)


def _read_at_once(
    confirmer: Confirmer | None, batch: Sequence[PromisedFile], progress: OnProgress
) -> list[Reading | None]:
    """Return the reading of each file that is confirmed; of the others, ``None``, nothing is known."""
    if confirmer is None:
        return [None] * len(batch)
    expected = [Expected(one.key, _size(one), one.digests) for one in batch]
    confirmed = [
        None if size is None or one.size not in {None, size} else Reading(one, Confirmed(size, one.digests))
        for one, size in zip(batch, confirmer.confirmed(expected), strict=True)
    ]
    sizes = (_size(one.promised) for one in confirmed if one is not None)
    # Whoever waits at each report, so that less is read in a second, is to wait often and not long.
    for some in in_portions(sizes, int, most=_BATCH_FILES, enough=BUFFER_BYTES):
        progress(len(some), sum(some))
    return confirmed


def _read_batch(
    store: Store,
    batch: Sequence[PromisedFile],
    buffer: bytearray,
    progress: OnProgress,
    open_faults: tuple[type[Exception], ...],
) -> list[Reading]:
    opened: deque[_Opened] = deque()
    readings: list[Reading] = []
    try:
        for promise in batch:
            opened.append(_opened(store, promise, open_faults))
            if len(opened) > _AHEAD_FILES:
                readings.append(_read(opened.popleft(), buffer, progress))
        while opened:
            readings.append(_read(opened.popleft(), buffer, progress))
    finally:
        for left in opened:
            left.closing.close()
    return readings


@dataclass(frozen=True, slots=True)
class _Opened:
    """A promised file, open for reading, or what is known of it where it could not be opened."""

    promise: PromisedFile
    found: ByteStream | Missing | Unreadable
    closing: ExitStack


def _opened(store: Store, promise: PromisedFile, open_faults: tuple[type[Exception], ...]) -> _Opened:
    closing = ExitStack()
    try:
        return _Opened(promise, closing.enter_context(store.open(promise.key)), closing)
    except NotFoundError:
        return _Opened(promise, Missing(), closing)
    except open_faults as error:
        return _Opened(promise, Unreadable(reason_of(error)), closing)


def _read(opened: _Opened, buffer: bytearray, progress: OnProgress) -> Reading:
    promise, found = opened.promise, opened.found
    if isinstance(found, Missing | Unreadable):
        return Reading(promise, found)
    size = _size(promise)
    is_large = size >= _LARGE_BYTES
    with opened.closing:
        watched = _Watched(found, progress) if is_large else found
        verdict = check_stream(watched, promise.digests, promise.size, buffer)
    progress(1, 0 if is_large else size)
    return Reading(promise, verdict)


class _Watched:
    """A stream that reports how much of it was read."""

    def __init__(self, stream: ByteStream, progress: OnProgress) -> None:
        self._stream = stream
        self._progress = progress

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        count = self._stream.readinto(buffer)
        self._progress(0, count or 0)
        return count


def _size(promise: PromisedFile) -> int:
    return promise.listed_size if promise.size is None else promise.size
