"""The segments of a JPEG (ITU-T T.81 annex B), walked without decoding."""

import io
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from preservation.errors import UnacceptableContentError
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.tiff_fields import DirectoryReader

START = b"\xff\xd8"
START_OF_SCAN, END = 0xDA, 0xD9
_ALONE = frozenset({0x01, 0xD8})
"""Markers without a segment, besides the restarts of a scan: TEM, SOI."""
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""SOFn, which say what follows; the others in their row are tables and an extension."""
_APP2, _COMMENT = 0xE2, 0xFE
APPLICATIONS = range(0xE0, 0xF0)
_FOR_DECODING = frozenset({
    0x01,  # which arithmetic coding needs
    *range(0xC0, 0xD0),  # frames, Huffman tables, arithmetic conditioning
    0xD9, 0xDA, 0xDB, 0xDC, 0xDD,  # its end, scans, quantization tables, number of lines, restart interval
})  # fmt: skip
_PLAIN = frozenset({(0xE0, 14, b"JFIF\0"), (0xEE, 12, b"Adobe")})
"""What says no more than a version, a resolution, and how colours were transformed for coding."""
_FILL = b"\xff"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: neither a stuffed zero, nor a restart, nor a byte that fills."""

_PROFILE, _PICTURES = b"ICC_PROFILE\0", b"MPF\0"
_COUNT, _ENTRIES, _ENTRY = 0xB001, 0xB002, 16
_MOST_PICTURES = 1000
_DEEPEST_OF_EIGHT = 8

Content = bytes | mmap.mmap


class JpegSegment(NamedTuple):
    """A segment of ``kind``, with its marker from ``start`` to ``end``; what it holds begins ``at``.

    ``is_apart`` is true where bytes lie before it that are neither a segment's nor a scan's.
    """

    kind: int
    start: int
    at: int
    end: int
    is_apart: bool


def segments_from(content: Content, at: int = 0) -> Iterator[JpegSegment]:
    """Yield the segments of the picture that begins at ``at``, to the marker of its end, if it is there.

    Raises ``UnacceptableContentError`` where it ends in the middle of one. Pixels are not looked at.
    """
    at += len(START)
    is_in_scan = False
    while marker := _MARKER.search(content, at):
        kind, start, body = content[marker.end() - 1], marker.start(), marker.end()
        if kind == END or kind in _ALONE:
            end = body
        else:
            end = body + int.from_bytes(content[body : body + 2])
            body += 2
            if not body <= end <= len(content):
                raise UnacceptableContentError("it ends in the middle of one of its segments")
        is_apart = not is_in_scan and bool(content[at:start].strip(_FILL))
        yield JpegSegment(kind, start, body, end, is_apart)
        if kind == END:
            return
        # Other markers end a scan, but the one that stands alone within it.
        is_in_scan = kind == START_OF_SCAN or (is_in_scan and kind in _ALONE)
        at = end


def is_of_programs(segment: JpegSegment, content: Content) -> bool:
    """Say whether programs put it there: it serves no decoding, and is no plain JFIF or Adobe segment."""
    kind, _, at, end, _ = segment
    if kind not in APPLICATIONS:
        return kind not in _FOR_DECODING
    return (kind, end - at, content[at : at + 5]) not in _PLAIN


def name_of(kind: int) -> str:
    """Return what the standard calls a segment that serves no decoding."""
    if kind in APPLICATIONS:
        return f"APP{kind - APPLICATIONS.start}"
    return "COM" if kind == _COMMENT else f"0x{kind:02X}"


@dataclass(slots=True)
class JpegSegments:
    """One picture. ``end`` is the offset behind its end marker, ``None`` where it has none.

    ``process`` is n of its SOFn; ``pictures`` are offset and size of each that its index (CIPA DC-007) names.
    ``has_junk`` is true where bytes before its first scan belong to no segment.
    """

    end: int | None = None
    process: int | None = None
    bits: int = 8
    columns: int = 0
    rows: int = 0
    components: int = 0
    has_junk: bool = False
    pictures: list[tuple[int, int]] = field(default_factory=list)
    _parts: dict[int, bytes] = field(default_factory=dict)
    _parts_stated: int = 0
    _header: list[tuple[int, int]] = field(default_factory=list)
    _first_scan: int | None = None

    @property
    def is_everyday(self) -> bool:
        """Say whether it is of the kinds that are decoded strictly: DCT of 8 bits, however it is coded."""
        return self.process in {0, 1, 2, 9, 10} and self.bits == _DEEPEST_OF_EIGHT

    @property
    def profile(self) -> bytes | None:
        """The ICC profile, put together from its segments as far as they are there."""
        return b"".join(self._parts[number] for number in sorted(self._parts)) or None

    @property
    def profile_fault(self) -> str | None:
        """In what the ICC profile is damaged."""
        if not self._parts:
            return None
        missing = [number for number in range(1, self._parts_stated + 1) if number not in self._parts]
        if missing:
            return f"of its {self._parts_stated} parts, {len(missing)} are missing"
        return fault_of_profile(self.profile or b"")

    def decodable(self, content: Content) -> Content:
        """Return what strict decoders take of the picture.

        Where its profile is damaged or bytes lie between its segments, it is the picture without them.
        """
        if not self.has_junk and self.profile_fault is None:
            return content
        segments = [content[start:end] for start, end in self._header]
        kept = (segment for segment in segments if not segment[4:].startswith(_PROFILE))
        return b"".join((START, *kept, content[self._first_scan : self.end]))

    def take_in(self, segment: JpegSegment, content: Content) -> None:
        """Note where a segment lies, before the first scan, and what it states."""
        kind, start, at, end, is_apart = segment
        if self._first_scan is None:
            self.has_junk = self.has_junk or is_apart
            if kind == START_OF_SCAN:
                self._first_scan = start
            else:
                self._header.append((start, end))
        if kind not in _FRAMES and kind != _APP2:
            return
        body = content[at:end]
        if kind in _FRAMES and self.process is None and len(body) >= 6:  # noqa: PLR2004  SOF's fixed part
            self.process = kind & 0xF
            self.bits, self.rows, self.columns, self.components = struct.unpack(">BHHB", body[:6])
        elif kind == _APP2 and body.startswith(_PROFILE) and len(body) > len(_PROFILE) + 1:
            number, self._parts_stated = body[len(_PROFILE)], body[len(_PROFILE) + 1]
            self._parts.setdefault(number, body[len(_PROFILE) + 2 :])
        elif kind == _APP2 and body.startswith(_PICTURES):
            base = at + len(_PICTURES)
            self.pictures = list(_pictures_in(body[len(_PICTURES) :], base))


def segments_of(content: Content, at: int = 0) -> JpegSegments:
    """Walk the segments of the picture that begins at ``at``. What is damaged ends the walk, not more."""
    found = JpegSegments()
    with suppress(UnacceptableContentError):
        for segment in segments_from(content, at):
            if segment.kind == END:
                found.end = segment.end
            elif segment.kind not in _ALONE:
                found.take_in(segment, content)
    return found


def _pictures_in(block: bytes, base: int) -> Iterator[tuple[int, int]]:
    """Yield where the pictures behind the first lie; offsets count from the index's own header."""
    try:
        reader = DirectoryReader(io.BytesIO(block))
        fields = reader.first_page({_COUNT, _ENTRIES})
    except UnacceptableContentError:
        return
    if _ENTRIES not in fields:
        return
    order = "<" if reader.byte_order == "little" else ">"
    entries = fields[_ENTRIES].value[: _ENTRY * _MOST_PICTURES]
    for _, size, offset, *_ in struct.iter_unpack(
        f"{order}IIIHH", entries[: len(entries) // _ENTRY * _ENTRY]
    ):
        if offset:
            yield base + offset, size
