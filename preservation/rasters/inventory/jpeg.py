"""JPEG (ISO/IEC 10918-1 annex B): marker segments, and what programs put into them."""

import io
import re
from fractions import Fraction
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.decoding import whole
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.inventory.reading import lose_trailer
from preservation.rasters.jpeg_segments import APPLICATIONS, END, is_of_programs, name_of, segments_from
from preservation.rasters.losses import Concern
from preservation.rasters.raster import LengthUnit, resolution
from preservation.rasters.tiff_fields import DirectoryReader

_EXIF, _XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _MPF, _PHOTOSHOP = b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0"
_IN_PARTS = {2: _ICC, 13: _PHOTOSHOP}
_NUMBER_OF_IMAGES = 0xB001
_UNITS = {1: LengthUnit.INCH, 2: LengthUnit.CENTIMETRE}
_IDENTIFIER = re.compile(rb"[A-Za-z0-9_-]{2,32}")
_JFIF, _ADOBE = 14, 12
"""How long these segments are, without the small picture that may lie behind the first."""


def inventory_of_jpeg(stream: BinaryIO) -> Inventory:
    """Walk the segments. Raises ``UnacceptableContentError`` where they do not follow each other."""
    findings = Inventory("jpeg")
    # Longer than a segment, these are cut anywhere and go on in the next.
    parts: dict[bytes, list[bytes]] = {_ICC: [], _PHOTOSHOP: []}
    content = whole(stream)
    last = 0
    for found in segments_from(content):
        if found.is_apart:
            findings.lose("other-bytes", "bytes between segments")
        last = found.end
        if found.kind == END:
            break
        if found.kind in APPLICATIONS:
            _find_in_app(findings, found.kind - APPLICATIONS.start, bytes(content[found.at : last]), parts)
        elif is_of_programs(found, content):
            findings.lose(name_of(found.kind))
    else:
        findings.lose("EOI", "the marker of its end is missing")
        last = len(content)
    stream.seek(last)
    lose_trailer(stream, findings)
    if parts[_ICC]:
        _take_profile(findings, parts[_ICC])
    if parts[_PHOTOSHOP]:
        findings.take("photoshop", b"".join(parts[_PHOTOSHOP]), "APP13.Photoshop")
    return findings


def _find_in_app(findings: Inventory, number: int, segment: bytes, parts: dict[bytes, list[bytes]]) -> None:
    in_parts = _IN_PARTS.get(number)
    if in_parts is not None and segment.startswith(in_parts):
        parts[in_parts].append(segment[len(in_parts) :])
    elif number == 0 and segment.startswith(b"JFIF\0") and len(segment) >= _JFIF:
        _take_jfif(findings, segment)
    elif number == 1 and segment.startswith(_EXIF):
        findings.take("exif", segment[len(_EXIF) + 1 :], "APP1.Exif")
    elif number == 1 and segment.startswith(_XMP):
        findings.take("xmp", segment[len(_XMP) :], "APP1.XMP")
    elif number == 1 and segment.startswith(_MORE_XMP):
        findings.lose("APP1.XMP-extension")
    elif number == 2 and segment.startswith(_MPF):  # noqa: PLR2004  its segment
        _lose_pictures(findings, segment[len(_MPF) :])
    elif number == 14 and segment.startswith(b"Adobe") and len(segment) == _ADOBE:  # noqa: PLR2004  its segment
        pass  # how colours were transformed for coding: what they decode to is compared
    else:
        found = _IDENTIFIER.match(segment)
        findings.lose(f"APP{number}" + (f".{found[0].decode()}" if found else ""))


def _take_jfif(findings: Inventory, segment: bytes) -> None:
    unit, across, down = segment[7], int.from_bytes(segment[8:10]), int.from_bytes(segment[10:12])
    if len(segment) > _JFIF:
        findings.lose("APP0.thumbnail", f"{segment[12]} x {segment[13]} pixels")
    found = resolution(Fraction(across), Fraction(down), _UNITS.get(unit, LengthUnit.NONE))
    if found is None and (across, down) not in {(0, 0), (1, 1)}:
        findings.lose("APP0.JFIF", f"a resolution of {across} x {down}")
    findings.take_resolution(found, "JFIF")


def _take_profile(findings: Inventory, parts: list[bytes]) -> None:
    # ICC.1 annex B.4: each part begins with its number, from 1, and the number of all parts.
    numbered = {part[0]: part[2:] for part in parts if len(part) >= 2}  # noqa: PLR2004
    totals = {part[1] for part in parts if len(part) >= 2}  # noqa: PLR2004
    total = max(totals, default=0)
    lacking = [str(number) for number in range(1, total + 1) if number not in numbered]
    if lacking or len(totals) != 1 or len(parts) != total:
        what = (
            f"of its {total} parts, part {', '.join(lacking)} is missing" if lacking else "parts in disorder"
        )
        findings.lose_profile("APP2.ICC_PROFILE", what)
        return
    findings.take_profile(b"".join(numbered[number] for number in sorted(numbered)), "APP2.ICC_PROFILE")


def _lose_pictures(findings: Inventory, block: bytes) -> None:
    # CIPA DC-007: an index of further pictures, that lie behind the end of this one.
    try:
        reader = DirectoryReader(io.BytesIO(block))
        count = reader.numbers(reader.pages()[0][_NUMBER_OF_IMAGES])[0]
    except (UnacceptableContentError, LookupError):
        count = 2
    for _ in range(1, min(count, 1000)):
        findings.lose("APP2.MPF", "a further picture", Concern.PICTURE)
    if count < 2:  # noqa: PLR2004  one picture alone
        findings.lose("APP2.MPF")
