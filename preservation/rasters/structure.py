"""Faults of an image file that decoders pass over: an end that is missing, a chunk that is damaged."""

import struct
import zlib
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.families import Family
from preservation.rasters.tiff_fields import DirectoryReader, begins_as_tiff

_CHUNK = 1 << 20


def fault_of(family: Family, stream: BinaryIO) -> str | None:
    """Say what is wrong with the file as a whole, or ``None``."""
    stream.seek(0)
    try:
        match family:
            case Family.PNG:
                return _fault_of_png(stream)
            case Family.GIF:
                return _fault_of_gif(stream)
            case Family.TIFF:
                return _fault_of_tiff(stream)
            case _:
                return None
    except EOFError as end:
        return f"it ends {end}"


def _fault_of_png(stream: BinaryIO) -> str | None:
    """Walk the chunks to the last one, IEND, and compare their CRCs (PNG section 5.3)."""
    stream.seek(8)
    while True:
        header = _exactly(stream, 8, "before its last chunk (IEND)")
        (length,) = struct.unpack(">I", header[:4])
        name = header[4:].decode("latin-1")
        crc = zlib.crc32(header[4:])
        while length:
            part = _exactly(stream, min(length, _CHUNK), "in the middle of its image data")
            crc = zlib.crc32(part, crc)
            length -= len(part)
        if _exactly(stream, 4, "in the middle of its image data") != struct.pack(">I", crc):
            return f"the chunk {name!r} is damaged: its CRC does not match"
        if name == "IEND":
            return None


def _fault_of_gif(stream: BinaryIO) -> str | None:
    """Walk the blocks to the trailer (GIF 89a section 27)."""
    where = "before its trailer"
    _skip_colours(stream, _exactly(stream, 13, where)[10], where)
    while True:
        introducer = _exactly(stream, 1, where)
        match introducer:
            case b"\x3b":
                return None
            case b"\x21":
                _exactly(stream, 1, where)
            case b"\x2c":
                _skip_colours(stream, _exactly(stream, 9, where)[8], where)
                _exactly(stream, 1, where)
            case b"\x00":
                continue  # stray terminators, which every decoder skips
            case _:
                return f"there is no block where one should be (0x{introducer.hex()})"
        while length := _exactly(stream, 1, where)[0]:
            _exactly(stream, length, where)


def _skip_colours(stream: BinaryIO, flags: int, where: str) -> None:
    if flags & 0x80:
        _exactly(stream, 3 << ((flags & 7) + 1), where)


def _fault_of_tiff(stream: BinaryIO) -> str | None:
    """Follow the chain of directories, one a page, to its end (TIFF 6.0 section 2, BigTIFF)."""
    if not begins_as_tiff(_exactly(stream, 8, "in its header")):
        return None  # of what looks otherwise, decoders have the word
    try:
        for _ in DirectoryReader(stream).chain():
            pass
    except UnacceptableContentError as fault:
        return str(fault)
    return None


def _exactly(stream: BinaryIO, count: int, where: str) -> bytes:
    """Read ``count`` bytes. Raises ``EOFError``, saying where the file ends instead."""
    content = stream.read(count)
    if len(content) < count:
        raise EOFError(where)
    return content
