"""The survey: what a drop holds, each byte read once, many files at once, in the order of the walk."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeAlias

from preservation.fixity.digesting import BUFFER_BYTES
from preservation.model.amounts import OnProgress
from preservation.model.digests import Algorithm
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import Identification
from preservation.model.submissions import Received
from preservation.pool import in_portions
from preservation.survey.reading import ReadFile, read_once
from preservation.survey.walk import FoundFile, walk

# A batch is identified while the system still holds what was read of it: hence its limit in bytes.
_BATCH_FILES = 256
_BATCH_BYTES = 128 << 20
# What one thread takes at a time: enough small files that handing them over costs nothing.
_SHARE_FILES = 64
_SHARE_BYTES = 16 << 20
_BATCHES_AHEAD = 2

_Found: TypeAlias = FoundFile | IrregularEntry
_Read: TypeAlias = ReadFile | IrregularEntry


class IdentifiesFiles(Protocol):
    """What the survey needs of an identifier."""

    def identify(self, root: Path, batches: Iterable[Sequence[ReadFile]]) -> Iterator[list[Identification]]:
        """Say of each of these plain files below ``root`` what it is, batch by batch, in their order.

        It may take a few batches in advance, and no more.
        """


def survey(
    received: Received,
    *,
    algorithms: Collection[Algorithm],
    identifier: IdentifiesFiles,
    threads: int,
    progress: OnProgress | None = None,
) -> Iterator[SurveyedFile | IrregularEntry]:
    """Give every entry of the received payload, in ``path_order``, as it is read and identified.

    Each byte is read once, for all of ``algorithms`` (at least one), by that many threads; a few
    batches are read ahead and no more, so that memory does not grow with the drop. ``progress`` counts
    what is read. Raises ``OSError`` where the payload's root cannot be listed, and what ``identifier``
    raises.
    """
    root = received.payload_root
    being_identified: deque[list[_Read]] = deque()

    def read_files() -> Iterator[list[ReadFile]]:
        for entries in _read_ahead(received, algorithms, threads, progress):
            being_identified.append(entries)
            yield [entry for entry in entries if isinstance(entry, ReadFile)]

    for identifications in identifier.identify(root, read_files()):
        yield from _surveyed(being_identified.popleft(), identifications)


def _read_ahead(
    received: Received, algorithms: Collection[Algorithm], threads: int, progress: OnProgress | None
) -> Iterator[list[_Read]]:
    """Give the entries batch by batch, each read; the next batches are being read meanwhile."""
    root = received.payload_root
    with ThreadPoolExecutor(threads, thread_name_prefix="survey") as pool:
        ahead: deque[list[Future[list[_Read]]]] = deque()
        try:
            found = walk(root, received.only)
            for batch in in_portions(found, _size, most=_BATCH_FILES, enough=_BATCH_BYTES):
                shares = in_portions(batch, _size, most=_SHARE_FILES, enough=_SHARE_BYTES)
                ahead.append(
                    [pool.submit(_read_share, root, share, algorithms, progress) for share in shares]
                )
                if len(ahead) > _BATCHES_AHEAD:
                    yield _results(ahead.popleft())
            while ahead:
                yield _results(ahead.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _results(shares: list[Future[list[_Read]]]) -> list[_Read]:
    return [entry for share in shares for entry in share.result()]


def _read_share(
    root: Path, share: list[_Found], algorithms: Collection[Algorithm], progress: OnProgress | None
) -> list[_Read]:
    largest = max(map(_size, share), default=0)
    buffer = bytearray(min(max(largest, 1), BUFFER_BYTES))
    return [
        read_once(root, entry, algorithms, buffer, progress) if isinstance(entry, FoundFile) else entry
        for entry in share
    ]


def _size(entry: _Found) -> int:
    return entry.size if isinstance(entry, FoundFile) else 0


def _surveyed(
    entries: list[_Read], identifications: list[Identification]
) -> Iterator[SurveyedFile | IrregularEntry]:
    found = iter(identifications)
    for entry in entries:
        match entry:
            case ReadFile(path, size, modified, digests):
                yield SurveyedFile(path, size, modified, digests, next(found))
            case IrregularEntry():
                yield entry
