"""Where a PDF ends in its file, and what lies behind it (ISO 32000-1, 7.5.2, 7.5.5; annex F)."""

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

_HEAD_BYTES = 1024
_STEP = 1 << 20
_MOST_BEHIND = 64 << 20
"""So far before the end of the file the end of the PDF is looked for."""
_OVERLAP = 16
_TOLERATED = 1000
"""So many bytes of nothing at the end every reader passes over."""

_HEADER = re.compile(rb"%PDF-(\d\.\d)")
_END = re.compile(rb"%%EOF|startxref\s+\d+")
_OF_A_PDF = re.compile(rb"\d obj\b|\bendobj\b|\bendstream\b")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)")
_NOTHING = b"\0\t\n\f\r "


@dataclass(frozen=True, slots=True)
class Frame:
    """``fault`` says that the beginning or the end is missing, ``remarks`` what readers have to pass over.

    ``end`` is where the PDF ends, ``None`` where it ends with its file.
    """

    fault: str | None = None
    remarks: tuple[str, ...] = ()
    end: int | None = None


def frame_of(stream: BinaryIO) -> Frame:
    """Look where readers look first, and farther: bytes that others put behind a PDF hide no end."""
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if _HEADER.search(head) is None:
        return Frame("it has no PDF header")
    size = stream.seek(0, io.SEEK_END)
    end = _end_in(stream, size)
    if end is None:
        return Frame("its end is missing")
    stream.seek(end)
    behind = stream.read()
    if _OF_A_PDF.search(behind):
        # What was added to it ends in the middle; the end that was found is that of its beginning.
        return Frame("its end is missing")
    remarks = []
    stated = _LINEARIZED.search(head)
    if stated is not None and int(stated[1]) > end + len(behind) - len(behind.lstrip(_NOTHING)):
        remarks.append(f"it says that it has {int(stated[1]):,} bytes, and has {end:,}")
    is_foreign = bool(behind.strip(_NOTHING))
    if is_foreign or len(behind) > _TOLERATED:
        kind = "that are no part of it" if is_foreign else "of nothing"
        remarks.append(f"{len(behind):,} bytes {kind} follow its end")
        return Frame(None, tuple(remarks), end)
    return Frame(None, tuple(remarks))


def _end_in(stream: BinaryIO, size: int) -> int | None:
    """Return where the last mark of an end is, in bytes from the beginning; ``None`` where there is none."""
    at = size
    while at > max(0, size - _MOST_BEHIND):
        start = max(0, at - _STEP)
        stream.seek(start)
        window = stream.read(min(size, at + _OVERLAP) - start)
        ends = [found.end() for found in _END.finditer(window)]
        if ends:
            return start + ends[-1]
        at = start
    return None


class Shown(io.RawIOBase):
    """A file of which no more than the first ``end`` bytes are shown."""

    def __init__(self, stream: BinaryIO, end: int) -> None:
        self._stream = stream
        self._end = end
        self._at = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be gone about in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer is newer than Python 3.11
        """Fill ``buffer`` as far as what is shown goes."""
        self._stream.seek(self._at)
        content = self._stream.read(max(0, min(len(buffer), self._end - self._at)))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
