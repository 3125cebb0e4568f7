"""JP2 and JPX (ISO/IEC 15444-1 annex I): boxes, and the comments of the codestream."""

import re
import struct
from fractions import Fraction
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.jp2 import UUIDS, boxes_between, boxes_of, read
from preservation.rasters.losses import Concern
from preservation.rasters.raster import LengthUnit, Resolution, resolution

_FOR_DECODING = frozenset({b"jP  ", b"ftyp", b"rreq", b"free", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef"})
"""What kind of file it is, and how its samples lie: what they decode to is compared, with their meaning."""

_COMMENT, _REGISTRATION, _TILE_PART, _DATA, _END = (
    b"\xff\x64", b"\xff\x63", b"\xff\x90", b"\xff\x93", b"\xff\xd9",
)  # fmt: skip
_SHORTEST_TILE_PART = 14
_OF_ENCODERS = re.compile(
    rb"((Created by )?OpenJPEG|Kakadu-|Kdu-|Creator: (AV-J2K|JasPer)|LEADTOOLS|JasPer)[ -~\n]*\0?"
)
"""What encoders sign with, and how they distributed their bits."""

_MOST_BOXES = 100_000


def inventory_of_jp2(stream: BinaryIO) -> Inventory:
    """Walk the boxes. Raises ``UnacceptableContentError`` where they do not fit into each other."""
    findings = Inventory("jp2")
    end = stream.seek(0, 2)
    at = 0
    for number, (kind, start, size) in enumerate(boxes_of(stream)):
        if number == _MOST_BOXES:
            raise UnacceptableContentError("it has too many boxes")
        at = start + size
        if kind == b"jp2h":
            _find_in_header(findings, stream, start, size)
        elif kind == b"jp2c":
            _find_in_codestream(findings, stream, start, size)
        elif kind == b"uuid":
            _find_in_uuid(findings, read(stream, start, size))
        elif kind not in _FOR_DECODING:
            findings.lose(_name(kind))
    if at != end:
        findings.lose("trailer", f"{end - at:,} bytes behind its last box")
    return findings


def _find_in_header(findings: Inventory, stream: BinaryIO, at: int, size: int) -> None:
    has_colour = False
    for kind, start, length in boxes_between(stream, at, at + size):
        if kind == b"colr":
            content = read(stream, start, length)
            if has_colour:
                findings.lose("colr", "another one than the first", Concern.COLOUR)
            elif content[:1] in {b"\2", b"\3"}:
                findings.take_profile(content[3:], "colr")
            has_colour = True
        elif kind == b"res ":
            _take_resolutions(findings, stream, start, length)
        elif kind not in _FOR_DECODING:
            findings.lose(_name(kind))


def _take_resolutions(findings: Inventory, stream: BinaryIO, at: int, size: int) -> None:
    found: dict[bytes, Resolution | None] = {}
    for kind, start, length in boxes_between(stream, at, at + size):
        content = read(stream, start, length)
        if kind not in {b"resc", b"resd"} or len(content) < 10 or kind in found:  # noqa: PLR2004  six numbers
            findings.lose(_name(kind), "an unknown or further resolution")
            continue
        found[kind] = _resolution(content)
        if found[kind] is None:
            findings.lose(_name(kind), "a resolution that says nothing")
    captured, displayed = found.get(b"resc"), found.get(b"resd")
    if captured is not None and displayed is not None and not captured.agrees_with(displayed):
        # One says how it was captured, the other how large it is to be shown: no contradiction.
        findings.lose("resd", f"{displayed}, other than the resolution of its capture")
        displayed = None
    findings.take_resolution(captured, "resc")
    findings.take_resolution(displayed, "resd")


def _resolution(content: bytes) -> Resolution | None:
    # Down before across, pixels per metre.
    down, down_by, across, across_by, down_power, across_power = struct.unpack(">HHHHbb", content[:10])
    if not down_by or not across_by:
        return None
    across_cm, down_cm = (
        Fraction(number, by) * Fraction(10) ** power / 100
        for number, by, power in ((across, across_by, across_power), (down, down_by, down_power))
    )
    return resolution(across_cm, down_cm, LengthUnit.CENTIMETRE)


def _find_in_uuid(findings: Inventory, content: bytes) -> None:
    for kind, uuid in UUIDS.items():
        if content.startswith(uuid):
            block = content[len(uuid) :]
            findings.take(kind, block.removeprefix(b"Exif\0\0") if kind == "exif" else block, "uuid")
            return
    findings.lose("uuid", content[:16].hex())


def _find_in_codestream(findings: Inventory, stream: BinaryIO, at: int, size: int) -> None:
    """Walk the segments of every header, and step over the packets of every tile-part."""
    end = at + size
    at += 2
    behind_part = end
    while at + 2 <= end and (marker := read(stream, at, 2)) != _END:
        if marker == _DATA:
            at = behind_part
            continue
        length = int.from_bytes(read(stream, at + 2, 2))
        if marker == _TILE_PART:
            # One of no stated length is the last, and goes up to the end marker.
            length_of_part = int.from_bytes(read(stream, at + 6, 4)) or end - 2 - at
            if length_of_part < _SHORTEST_TILE_PART:
                raise UnacceptableContentError("one of its tiles claims fewer bytes than its header takes")
            behind_part = at + length_of_part
        elif marker == _COMMENT:
            comment = read(stream, at + 6, max(0, length - 4))
            if _OF_ENCODERS.fullmatch(comment) is None:
                findings.lose("COM", comment.decode("latin-1"))
        elif marker == _REGISTRATION:
            findings.lose("CRG", "how its components lie to each other")
        at += 2 + max(length, 2)
    if at + 2 < end:
        findings.lose("codestream-trailer", f"{end - at - 2:,} bytes behind the end of its codestream")


def _name(kind: bytes) -> str:
    text = kind.decode("latin-1").strip()
    return text if text.isascii() and text.isalnum() else kind.hex()
