"""Whether the codestreams of a JPEG 2000 file are all there (ISO/IEC 15444-1 annex A)."""

import re
import struct
from collections.abc import Collection
from math import ceil
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.decoding import Buffer
from preservation.rasters.jp2 import boxes_of

_START, _SIZE, _TILE_PART, _DATA, _END = 0xFF4F, 0xFF51, 0xFF90, 0xFF93, 0xFFD9
_TILE_PART_SEGMENT = 12
_MOST_TILES = 65535
_MARKED = re.compile(rb"\xff\x90\x00\x0a(?P<tile>..).{6}|\xff\x91\x00\x04(?P<packet>..)", re.DOTALL)
"""Where a tile-part begins (annex A.4.2), and a packet that has a marker (A.8.1); no data look like these."""
_NUMBERS = 1 << 16
ABOUT_PACKETS = re.compile(r"expected SOP marker", re.IGNORECASE)
"""The marker may be left out of packets, also where a codestream says that it may be there."""
_ABOUT_PARTS = re.compile("TPsot==TNsot")
"""Of a numbering of parts that Adobe's programs write: every decoder reads it."""
_NEEDED = (b"jP  ", b"ftyp", b"jp2h", b"jp2c")


def codestreams_in(stream: BinaryIO) -> list[tuple[int, int]]:
    """Return offset and size of each codestream. Raises ``UnacceptableContentError`` where no box fits."""
    return [(at, size) for kind, at, size in boxes_of(stream) if kind == b"jp2c"]


def fault_of(stream: BinaryIO) -> str | None:
    """Say what is missing of the boxes, or of any codestream; ``None`` if nothing."""
    return fault_of_boxes(stream) or next(
        filter(None, (fault_of_codestream(stream, *found) for found in codestreams_in(stream))), None
    )


def fault_of_boxes(stream: BinaryIO) -> str | None:
    """Say what is missing of the boxes, or how they do not fit into each other; ``None`` if nothing."""
    try:
        kinds = [kind for kind, _, _ in boxes_of(stream)]
    except UnacceptableContentError:
        return "the file ends before the image does, or its parts do not fit into each other"
    if kinds[:1] == [b"jp2c"]:
        return None  # a bare codestream
    missing = [kind.decode().strip() for kind in _NEEDED if kind not in kinds]
    # A JPX may have its pictures described elsewhere, and its codestreams in pieces.
    return f"its parts {', '.join(missing)} are missing" if missing and b"jpch" not in kinds else None


def fault_of_codestream(stream: BinaryIO, at: int, size: int) -> str | None:
    """Walk the tile-parts of a codestream to its end marker; say what is missing, or ``None``."""
    end = at + size
    try:
        at, tiles = _main_header(stream, at, end)
        seen: set[int] = set()
        while True:
            marker = _number(stream, at, end)
            if marker == _END:
                break
            if marker != _TILE_PART:
                return "one of its tiles is damaged: what follows it does not begin as a tile does"
            tile, length = struct.unpack(">HI", _exactly(stream, at + 4, 6, end))
            seen.add(tile)
            if length == 0:  # the last tile-part, up to the end
                return None if _exactly(stream, end - 2, 2, end) == b"\xff\xd9" else _NO_END
            if length < _TILE_PART_SEGMENT + 2:
                return "one of its tiles is damaged: it claims fewer bytes than its header takes"
            at += length
            if at > end:
                return "it ends in the middle of a tile"
    except EOFError:
        return _NO_END
    missing = tiles - len(seen)
    return f"{missing:,} of its {tiles:,} tiles are missing" if missing > 0 else None


_NO_END = "it ends before its end marker: something is missing behind its last tile"


def is_damage(said: Collection[str], content: Buffer, at: int, size: int) -> bool:
    """Return whether what OpenJPEG warned of in a codestream is damage of its data."""
    if not all(ABOUT_PACKETS.search(line) or _ABOUT_PARTS.search(line) for line in said):
        return True
    return any(map(ABOUT_PACKETS.search, said)) and lost_a_packet(content, at, size)


def lost_a_packet(content: Buffer, at: int, size: int) -> bool:
    """Say whether the markers of packets, which are numbered in each tile, are not all there.

    What lacks one behind the last that has one is not found: a marker may be left out.
    """
    tile = b""
    following: dict[bytes, int] = {}
    for found in _MARKED.finditer(content, at, at + size):
        if found["packet"] is None:
            tile = found["tile"]
            continue
        number = int.from_bytes(found["packet"])
        if number != following.get(tile, 0):
            return True
        following[tile] = (number + 1) % _NUMBERS
    return False


def _main_header(stream: BinaryIO, at: int, end: int) -> tuple[int, int]:
    """Return where the first tile-part begins, and how many tiles there must be."""
    at += 2
    tiles = 0
    while (marker := _number(stream, at, end)) not in {_TILE_PART, _END}:
        length = _number(stream, at + 2, end)
        if marker == _SIZE:
            right, bottom, *origin, width, height, left, top = struct.unpack(
                ">8I", _exactly(stream, at + 6, 32, end)
            )
            # Of a picture that begins in the midst of a tile, tiles may hold no sample and be left out.
            if width and height and origin == [left, top]:
                across, down = ceil((right - left) / width), ceil((bottom - top) / height)
                tiles = min(across * down, _MOST_TILES)
        at += 2 + max(length, 2)
    return at, tiles


def _number(stream: BinaryIO, at: int, end: int) -> int:
    return int.from_bytes(_exactly(stream, at, 2, end))


def _exactly(stream: BinaryIO, at: int, count: int, end: int) -> bytes:
    stream.seek(at)
    content = stream.read(count) if at + count <= end else b""
    if len(content) < count:
        raise EOFError
    return content
