"""PNG (third edition): chunks, one after the other."""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.inventory import MOST_MEMBER_BYTES, Inventory
from preservation.rasters.inventory.reading import exactly, lose_trailer
from preservation.rasters.losses import Concern
from preservation.rasters.raster import Calibration, LengthUnit, resolution

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_FOR_DECODING = frozenset({"IHDR", "IDAT", "IEND", "tRNS"})
"""The layout of the samples and their transparency: what they decode to is compared, as of a palette."""
_INDEXED = b"\3"
"""The colour type of pictures that are looked up in their palette; elsewhere one is only a suggestion."""

_COLOUR = frozenset({"gAMA", "cHRM", "sRGB", "cICP", "mDCV", "mDCv", "cLLI", "cLLi"})
"""What says which colours the numbers stand for."""

_TEXTS = frozenset({"tEXt", "zTXt", "iTXt"})
_XMP = b"XML:com.adobe.xmp"


def inventory_of_png(stream: BinaryIO) -> Inventory:
    """Walk the chunks. Raises ``UnacceptableContentError`` where they are cut or their checksums wrong."""
    findings = Inventory("png")
    stated: dict[str, bytes] = {}
    is_indexed = False
    for name, content in _chunks(stream):
        is_indexed = is_indexed or (name == "IHDR" and content[9:10] == _INDEXED)
        if name in _FOR_DECODING or (name == "PLTE" and is_indexed):
            continue
        if name == "iCCP":
            _take_profile(findings, content)
        elif name == "pHYs" and len(content) == 9:  # noqa: PLR2004  two numbers and a unit
            _take_resolution(findings, content)
        elif name == "eXIf":
            findings.take("exif", content, name)
        elif name == "iTXt" and content.startswith(_XMP + b"\0"):
            _take_xmp(findings, content)
        elif name in _COLOUR:
            stated.setdefault(name, content)
            findings.lose(name, concern=Concern.COLOUR)
        else:
            keyword = content.partition(b"\0")[0][:79].decode("latin-1") if name in _TEXTS else ""
            findings.lose(name, keyword)
    lose_trailer(stream, findings)
    findings.calibration = _calibration(stated)
    return findings


def _calibration(stated: dict[str, bytes]) -> Calibration | None:
    """Return what gAMA and cHRM say, unless what takes precedence over them is there."""
    gamma, points = stated.get("gAMA", b""), stated.get("cHRM", b"")
    if {"sRGB", "cICP"} & stated.keys() or len(gamma) not in {0, 4} or len(points) not in {0, 32}:
        return None
    numbers = [number / 100_000 for number in struct.unpack(f">{len(points) // 4}I", points)]
    exponent = 100_000 / int.from_bytes(gamma) if any(gamma) else None
    chromaticities = tuple(zip(numbers[::2], numbers[1::2], strict=True)) or None
    return Calibration(exponent, chromaticities) if exponent or chromaticities else None


def _chunks(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    stream.seek(len(SIGNATURE))
    name = b""
    while name != b"IEND":
        head = exactly(stream, 8)
        length, name = int.from_bytes(head[:4]), head[4:]
        if not name.isalpha() or not name.isascii():
            raise UnacceptableContentError("there is no chunk where one should be")
        if name == b"IDAT":
            stream.seek(length + 4, 1)  # decoders check it
            yield "IDAT", b""
            continue
        content = exactly(stream, length)
        if exactly(stream, 4) != zlib.crc32(content, zlib.crc32(name)).to_bytes(4):
            raise UnacceptableContentError(f"its chunk {name.decode()} is damaged: its CRC does not match")
        yield name.decode(), content


def _take_profile(findings: Inventory, content: bytes) -> None:
    packed = content.partition(b"\0")[2][1:]
    unpacked = _unpacked(packed)
    if unpacked is None:
        findings.lose_profile("iCCP", "it does not unpack")
    else:
        findings.take_profile(unpacked, "iCCP")


def _take_resolution(findings: Inventory, content: bytes) -> None:
    across, down, unit = int.from_bytes(content[:4]), int.from_bytes(content[4:8]), content[8]
    per_metre = unit == 1
    divisor = 100 if per_metre else 1
    found = resolution(
        Fraction(across, divisor),
        Fraction(down, divisor),
        LengthUnit.CENTIMETRE if per_metre else LengthUnit.NONE,
    )
    if found is None and (across, down) not in {(0, 0), (1, 1)}:
        findings.lose("pHYs", f"{across} x {down}")
    findings.take_resolution(found, "pHYs")


def _take_xmp(findings: Inventory, content: bytes) -> None:
    # Keyword, whether and how it is packed, a language, a translated keyword.
    rest = content[len(_XMP) + 1 :]
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    found = _unpacked(text) if rest[:1] == b"\1" else text
    if found is None:
        findings.lose("iTXt", "XMP that does not unpack")
    else:
        findings.take("xmp", found, "iTXt")


def _unpacked(packed: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MOST_MEMBER_BYTES)
    except zlib.error:
        return None
    return content if unpacker.eof else None
