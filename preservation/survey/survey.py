"""The survey: what a drop holds, each byte read once, many files at once, in the order of the walk."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeAlias

from preservation.fixity.digesting import BUFFER_BYTES
from preservation.model.digests import Algorithm
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import Identification
from preservation.model.submissions import Received
from preservation.survey.reaching import folder_of
from preservation.survey.reading import ReadFile, read_once
from preservation.survey.walk import FoundFile, walk

# A batch is identified while the system still holds what was read of it: hence its limit in bytes.
_BATCH_FILES = 256
_BATCH_BYTES = 1 << 30
# What one thread takes at a time: enough small files that handing them over costs nothing.
_SHARE_FILES = 64
_SHARE_BYTES = 16 << 20
_BATCHES_AHEAD = 2

_Found: TypeAlias = FoundFile | IrregularEntry
_Read: TypeAlias = ReadFile | IrregularEntry


class IdentifiesFiles(Protocol):
    """What the survey needs of an identifier."""

    def identify_batch(self, paths: Sequence[Path]) -> list[Identification]:
        """Say of each of these plain files what it is, in their order."""


def survey(
    received: Received, *, algorithms: Collection[Algorithm], identifier: IdentifiesFiles, threads: int
) -> Iterator[SurveyedFile | IrregularEntry]:
    """Give every entry of the received payload, in ``path_order``, as it is read and identified.

    Each byte is read once, for all of ``algorithms`` (at least one), by that many threads; a few
    batches are read ahead and no more, so that memory does not grow with the drop. Raises ``OSError``
    where the payload's root cannot be listed, and what ``identifier`` raises.
    """
    root = received.payload_root
    with ThreadPoolExecutor(threads, thread_name_prefix="survey") as pool:
        ahead: deque[list[Future[list[_Read]]]] = deque()
        try:
            for batch in _grouped(walk(root, received.only), _BATCH_FILES, _BATCH_BYTES):
                shares = _grouped(batch, _SHARE_FILES, _SHARE_BYTES)
                ahead.append([pool.submit(_read_share, root, share, algorithms) for share in shares])
                if len(ahead) > _BATCHES_AHEAD:
                    yield from _surveyed(root, ahead.popleft(), identifier)
            while ahead:
                yield from _surveyed(root, ahead.popleft(), identifier)
        finally:
            pool.shutdown(cancel_futures=True)


def _grouped(entries: Iterable[_Found], files: int, size: int) -> Iterator[list[_Found]]:
    """Cut the entries into groups of at most ``files``, each closed once it holds ``size`` bytes."""
    group: list[_Found] = []
    held = 0
    for entry in entries:
        group.append(entry)
        held += entry.size if isinstance(entry, FoundFile) else 0
        if len(group) >= files or held >= size:
            yield group
            group, held = [], 0
    if group:
        yield group


def _read_share(root: Path, share: list[_Found], algorithms: Collection[Algorithm]) -> list[_Read]:
    largest = max((entry.size for entry in share if isinstance(entry, FoundFile)), default=0)
    buffer = bytearray(min(max(largest, 1), BUFFER_BYTES))
    return [
        read_once(root, entry, algorithms, buffer) if isinstance(entry, FoundFile) else entry
        for entry in share
    ]


def _surveyed(
    root: Path, shares: list[Future[list[_Read]]], identifier: IdentifiesFiles
) -> Iterator[SurveyedFile | IrregularEntry]:
    entries = [entry for share in shares for entry in share.result()]
    files = [entry for entry in entries if isinstance(entry, ReadFile)]
    with ExitStack() as opened:
        reachable = [_reachable(root, file, opened) for file in files]
        identifications = iter(identifier.identify_batch(reachable))
    for entry in entries:
        match entry:
            case ReadFile(path, size, modified, digests):
                yield SurveyedFile(path, size, modified, digests, next(identifications))
            case IrregularEntry():
                yield entry


def _reachable(root: Path, file: ReadFile, opened: ExitStack) -> Path:
    dir_fd, path = opened.enter_context(folder_of(root, file.path))
    return Path(path) if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}/{path}")
