"""Faults of an image file that decoders pass over: an end that is missing, a chunk that is damaged."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from preservation.errors import UnacceptableContentError
from preservation.rasters import jp2_structure
from preservation.rasters.families import Family
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.tiff_fields import DirectoryReader, begins_as_tiff

_CHUNK = 1 << 20
_PADDING = b"\0\r\n "
_LONGEST_PROFILE = 1 << 26
"""So many bytes of a compressed profile are looked at: printers' profiles have a few million."""


@dataclass(slots=True)
class Skeleton:
    """What is found without decoding: what is wrong with the file as a whole, and with its ICC profile.

    ``imperfect`` says which rule it breaks that decoders need not care about.
    ``behind`` counts the bytes behind the image's end; ``is_empty`` is true of one that holds no picture.
    """

    fault: str | None = None
    profile_fault: str | None = None
    imperfect: str | None = None
    behind: int = 0
    is_empty: bool = False


def skeleton_of(family: Family, stream: BinaryIO) -> Skeleton:
    """Walk through the file of a family; what it does not look into is left to the decoders."""
    found = Skeleton()
    walk = _WALKS.get(family)
    stream.seek(0)
    try:
        if walk is not None:
            walk(stream, found)
    except EOFError as end:
        found.fault = f"it ends {end}"
    except UnacceptableContentError as fault:
        found.fault = str(fault)
    return found


def _walk_png(stream: BinaryIO, found: Skeleton) -> None:
    """Walk the chunks to the last one, IEND, and compare their CRCs (PNG section 5.3)."""
    stream.seek(8)
    while True:
        header = _exactly(stream, 8, "before its last chunk (IEND)")
        (length,) = struct.unpack(">I", header[:4])
        name = header[4:].decode("latin-1")
        crc = zlib.crc32(header[4:])
        profile = bytearray()
        while length:
            part = _exactly(stream, min(length, _CHUNK), "in the middle of its image data")
            crc = zlib.crc32(part, crc)
            length -= len(part)
            if name == "iCCP" and len(profile) < _LONGEST_PROFILE:
                profile += part
        if _exactly(stream, 4, "in the middle of its image data") != struct.pack(">I", crc):
            raise UnacceptableContentError(f"the chunk {name!r} is damaged: its CRC does not match")
        if name == "iCCP":
            found.profile_fault = _fault_of_compressed(bytes(profile))
        if name == "IEND":
            found.behind = _bytes_behind(stream)
            return


def _fault_of_compressed(chunk: bytes) -> str | None:
    """Say what is wrong with the profile in an iCCP chunk: a name, a method, and zlib's stream."""
    _, _, rest = chunk.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], _LONGEST_PROFILE)
    except zlib.error:
        return "it cannot be unpacked"
    return fault_of_profile(profile) if inflater.eof else "it cannot be unpacked to its end"


def _walk_gif(stream: BinaryIO, found: Skeleton) -> None:
    """Walk the blocks to the trailer (GIF 89a section 27)."""
    where = "before its trailer"
    found.is_empty = True
    _skip_colours(stream, _exactly(stream, 13, where)[10], where)
    while True:
        introducer = _exactly(stream, 1, where)
        match introducer:
            case b"\x3b":
                found.behind = _bytes_behind(stream)
                return
            case b"\x21":
                _exactly(stream, 1, where)
            case b"\x2c":
                found.is_empty = False
                _skip_colours(stream, _exactly(stream, 9, where)[8], where)
                _exactly(stream, 1, where)
            case b"\x00":
                continue  # stray terminators, which every decoder skips
            case _:
                raise UnacceptableContentError("one of its blocks is damaged: none follows behind it")
        while length := _exactly(stream, 1, where)[0]:
            _exactly(stream, length, where)


def _skip_colours(stream: BinaryIO, flags: int, where: str) -> None:
    if flags & 0x80:
        _exactly(stream, 3 << ((flags & 7) + 1), where)


def _walk_tiff(stream: BinaryIO, found: Skeleton) -> None:
    """Follow the chain of directories, one a page, to its end (TIFF 6.0 section 2, BigTIFF)."""
    # Of what looks otherwise, decoders have the word.
    if begins_as_tiff(_exactly(stream, 8, "in its header")):
        reader = DirectoryReader(stream)
        try:
            for _ in reader.chain():
                pass
        except UnacceptableContentError as fault:
            if "circle" in str(fault):
                raise
            raise UnacceptableContentError(f"the list of its pages is damaged or cut off: {fault}") from fault
        if not reader.is_orderly:
            found.imperfect = "fields of its directories are out of order, or of no known type"


def _walk_webp(stream: BinaryIO, found: Skeleton) -> None:
    """Walk the chunks of the RIFF container (RFC 9649 section 2.3)."""
    size = stream.seek(0, 2)
    stream.seek(4)
    end = 8 + int.from_bytes(_exactly(stream, 4, "in its header"), "little")
    if end > size:
        raise EOFError("before its last chunk")
    at = 12
    while at + 8 <= end:
        stream.seek(at)
        name, length = struct.unpack("<4sI", _exactly(stream, 8, "in the middle of a chunk"))
        if at + 8 + length > end:
            raise EOFError("in the middle of its last chunk")
        if name == b"ICCP":
            found.profile_fault = fault_of_profile(stream.read(min(length, _LONGEST_PROFILE)))
        at += 8 + length + length % 2
    found.behind = max(0, size - end)


_EMBEDDED = b"DEBM"
"""PROFILE_EMBEDDED, of a BITMAPV5HEADER: the file holds the profile itself."""


def _walk_bmp(stream: BinaryIO, found: Skeleton) -> None:
    """Look at the profile that the header of Windows 5 tells of; pixels are the decoder's matter."""
    header = stream.read(138)
    if len(header) < 138 or header[70:74] != _EMBEDDED or header[14:18] != b"\x7c\0\0\0":  # noqa: PLR2004
        return
    at, length = struct.unpack("<II", header[126:134])
    stream.seek(14 + at)
    profile = stream.read(min(length, _LONGEST_PROFILE))
    found.profile_fault = (
        f"it is cut off: {len(profile):,} of its {length:,} bytes are there"
        if len(profile) < length
        else fault_of_profile(profile)
    )


def _walk_jp2(stream: BinaryIO, found: Skeleton) -> None:
    found.fault = jp2_structure.fault_of_boxes(stream)
    if found.fault is None:
        for at, size in jp2_structure.codestreams_in(stream)[:1]:
            found.fault = jp2_structure.fault_of_codestream(stream, at, size)


_WALKS: Final[dict[Family, Callable[[BinaryIO, Skeleton], None]]] = {
    Family.PNG: _walk_png,
    Family.GIF: _walk_gif,
    Family.TIFF: _walk_tiff,
    Family.WEBP: _walk_webp,
    Family.BMP: _walk_bmp,
    Family.JPEG_2000: _walk_jp2,
}


def _bytes_behind(stream: BinaryIO) -> int:
    """Count the bytes that follow, none where they only fill up."""
    at = stream.tell()
    return stream.seek(0, 2) - at if stream.read(_CHUNK).strip(_PADDING) else 0


def _exactly(stream: BinaryIO, count: int, where: str) -> bytes:
    """Read ``count`` bytes. Raises ``EOFError``, saying where the file ends instead."""
    content = stream.read(count)
    if len(content) < count:
        raise EOFError(where)
    return content
