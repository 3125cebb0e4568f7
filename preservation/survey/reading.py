"""Reading one file, once: its size, its digests, and whether it changed while it was read."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from preservation.fixity.digesting import digest_stream
from preservation.long_paths import opened_file
from preservation.model.amounts import OnProgress
from preservation.model.digests import Algorithm, Digests
from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.paths import RelativePath
from preservation.survey.walk import FoundFile

_WORTH_ADVISING_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file after its one read. ``size`` is in bytes, ``modified`` in nanoseconds since 1970 (UTC)."""

    path: RelativePath
    size: int
    modified: int
    digests: Digests


def read_once(
    root: Path,
    found: FoundFile,
    algorithms: Collection[Algorithm],
    buffer: bytearray,
    progress: OnProgress | None = None,
) -> ReadFile | IrregularEntry:
    """Read the file found at ``found.path`` below ``root`` to its end; ``progress`` counts it as it is read.

    What cannot be read, or changed since it was found or while it was read, is an irregular entry.
    """
    try:
        with opened_file(root, found.path) as descriptor:
            try:
                return _read(_Descriptor(descriptor, progress), found, algorithms, buffer)
            finally:
                if progress is not None:
                    progress(1, 0)
    except OSError as error:
        return IrregularEntry(found.path, EntryKind.UNREADABLE, error.strerror or str(error))


def _read(
    stream: _Descriptor, found: FoundFile, algorithms: Collection[Algorithm], buffer: bytearray
) -> ReadFile | IrregularEntry:
    before = os.fstat(stream.number)
    if not stat.S_ISREG(before.st_mode):
        return IrregularEntry(found.path, EntryKind.CHANGED, "it was a file and is none any more")
    if before.st_size >= _WORTH_ADVISING_BYTES:
        os.posix_fadvise(stream.number, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    size, digests = digest_stream(stream, algorithms, buffer)
    after = os.fstat(stream.number)
    states = {(state.st_size, state.st_mtime_ns) for state in (before, after)}
    if states != {(found.size, found.modified)} or size != found.size:
        detail = f"{found.size} bytes when it was found, {size} when it was read, {after.st_size} afterwards"
        return IrregularEntry(found.path, EntryKind.CHANGED, detail)
    return ReadFile(found.path, size, after.st_mtime_ns, digests)


class _Descriptor:
    """A stream straight from a descriptor: Python's own file object asks for more than we need."""

    def __init__(self, number: int, progress: OnProgress | None) -> None:
        self.number = number
        self._progress = progress

    def readinto(self, buffer: bytearray | memoryview) -> int:
        count = os.readv(self.number, [buffer])
        if self._progress is not None and count:
            self._progress(0, count)
        return count
