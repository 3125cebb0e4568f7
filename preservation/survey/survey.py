"""The survey: what a drop holds, each byte read once, many files at once, in the order of the walk."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeAlias

from preservation.fixity.digesting import BUFFER_BYTES
from preservation.model.amounts import OnProgress
from preservation.model.digests import Algorithm
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import Identification
from preservation.model.submissions import Received
from preservation.pool import in_order, in_portions
from preservation.survey.reading import ReadFile, read_once
from preservation.survey.walk import FoundFile, walk

# A batch is identified while the system still holds what was read of it: hence its limit in bytes.
_BATCH_FILES = 256
_BATCH_BYTES = 128 << 20
# What one thread takes at a time: enough small files that handing them over costs nothing.
_SHARE_FILES = 64
_SHARE_BYTES = 16 << 20
_SHARES_AHEAD = 16

_Found: TypeAlias = FoundFile | IrregularEntry
_Read: TypeAlias = ReadFile | IrregularEntry


class IdentifiesFiles(Protocol):
    """What the survey needs of an identifier."""

    def identify(self, root: Path, batches: Iterable[Sequence[ReadFile]]) -> Iterator[list[Identification]]:
        """Say of each of these plain files below ``root`` what it is, a few batches ahead, in their order."""


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
    found = walk(root, received.only)
    shares = in_portions(found, _size, most=_SHARE_FILES, enough=_SHARE_BYTES)
    read_share = partial(_read_share, root, algorithms, progress)
    read = in_order(read_share, shares, threads=threads, ahead=_SHARES_AHEAD, name="survey")

    def read_files() -> Iterator[list[ReadFile]]:
        entries = chain.from_iterable(read)
        for batch in in_portions(entries, _size, most=_BATCH_FILES, enough=_BATCH_BYTES):
            being_identified.append(batch)
            yield [entry for entry in batch if isinstance(entry, ReadFile)]

    with closing(read):
        for identifications in identifier.identify(root, read_files()):
            yield from _surveyed(being_identified.popleft(), identifications)


def _read_share(
    root: Path, algorithms: Collection[Algorithm], progress: OnProgress | None, share: list[_Found]
) -> list[_Read]:
    buffer = bytearray(min(max(1, *map(_size, share)), BUFFER_BYTES))
    return [
        read_once(root, entry, algorithms, buffer, progress) if isinstance(entry, FoundFile) else entry
        for entry in share
    ]


def _size(entry: _Found | _Read) -> int:
    return 0 if isinstance(entry, IrregularEntry) else entry.size


def _surveyed(entries: list[_Read], known: list[Identification]) -> Iterator[SurveyedFile | IrregularEntry]:
    found = iter(known)
    for entry in entries:
        match entry:
            case ReadFile(path, size, modified, digests):
                yield SurveyedFile(path, size, modified, digests, next(found))
            case IrregularEntry():
                yield entry
