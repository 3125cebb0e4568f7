"""Whether the codestreams of a JPEG 2000 file are all there (ISO/IEC 15444-1 annex A)."""

import struct
from math import ceil
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.jp2 import boxes_of

_START, _SIZE, _TILE_PART, _DATA, _END = 0xFF4F, 0xFF51, 0xFF90, 0xFF93, 0xFFD9
_TILE_PART_SEGMENT = 12
_MOST_TILES = 65535
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
