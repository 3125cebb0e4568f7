"""The JP2 file format (ISO/IEC 15444-1 annex I): its boxes, read and written.

Codestreams are OpenJPEG's work. XMP, EXIF and IPTC lie in UUID boxes, under the identifiers that are
used for them in the field.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.raster import LengthUnit, Resolution

SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
CODESTREAM = bytes.fromhex("ff4fff51")

_START_OF_CODESTREAM = CODESTREAM[:2]
_CODING_STYLE, _START_OF_TILE = bytes.fromhex("ff52"), bytes.fromhex("ff90")

GREY, SRGB, SYCC = 17, 16, 18
"""Enumerated colour spaces (table I.10)."""
_UNUSUAL = -1

UUIDS = {
    "xmp": bytes.fromhex("be7acfcb97a942e89c71999491e3afac"),
    "exif": b"JpgTiffExif->JP2",
    "iptc": bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"),
}

_MOST_METADATA_BYTES = 1 << 28
_METRES_PER_INCH = 0.0254
_WIDE_BOX = 1 << 32
_MOST_16_BITS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a JP2 says around its codestream. ``colour`` is the enumerated colour space or the ICC profile.

    ``channels`` defines what the components stand for (annex I.5.3.6): number, type, colour. ``blocks`` are
    what is written as ``xmp``, ``exif`` and ``iptc``, by these names.
    """

    colour: int | bytes
    channels: tuple[tuple[int, int, int], ...] = ()
    alpha: bool = False
    palette: bool = False
    resolution: Resolution | None = None
    blocks: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Codestream:
    """What the codestream's SIZ marker says (annex A.5.1): bits of each component, and where it begins."""

    at: int
    columns: int
    rows: int
    depths: tuple[int, ...]
    signed: bool
    subsampled: bool
    reversible: bool | None
    """``None`` where it does not say by which wavelets it was made."""

    @property
    def compression(self) -> str:
        """The compression as it is named to people."""
        wavelets = {True: ", reversible", False: ", irreversible", None: ""}[self.reversible]
        return f"JPEG 2000{wavelets}"


def read_wrapping(stream: BinaryIO) -> Wrapping:
    """Read what a JP2 or JPX says of its colours; a bare codestream says nothing.

    Raises ``UnacceptableContentError`` where there is more than one picture.
    """
    colour: int | bytes = 0
    channels: tuple[tuple[int, int, int], ...] = ()
    palette = False
    pictures = 0
    for kind, at, size in boxes_of(stream):
        pictures += kind == b"jp2c"
        if kind == b"jp2h" and not colour:
            colour = next(_colours(stream, at, size), 0)
            inner = {name: (start, length) for name, start, length in boxes_between(stream, at, at + size)}
            palette = b"pclr" in inner
            if b"cdef" in inner:
                content = read(stream, *inner[b"cdef"])[2:]
                channels = tuple(struct.iter_unpack(">HHH", content[: len(content) // 6 * 6]))
    if pictures > 1:
        raise UnacceptableContentError(
            f"it holds {pictures} pictures (codestreams), and no migration takes several"
        )
    return Wrapping(colour, channels, palette=palette)


def read_codestream(stream: BinaryIO) -> Codestream:
    """Read what the codestream says of itself. Raises ``UnacceptableContentError`` where there is none."""
    at = next((at for kind, at, _ in boxes_of(stream) if kind == b"jp2c"), None)
    if at is None:
        raise UnacceptableContentError("it holds no codestream")
    head = read(stream, at, 42)
    if not head.startswith(CODESTREAM):
        raise UnacceptableContentError("its codestream does not begin as one does")
    right, bottom, left, top = struct.unpack(">IIII", head[8:24])
    components = read(stream, at + 42, 3 * int.from_bytes(head[40:42]))
    kinds = components[::3]
    return Codestream(
        at=at,
        columns=right - left,
        rows=bottom - top,
        depths=tuple((kind & 0x7F) + 1 for kind in kinds),
        signed=any(kind & 0x80 for kind in kinds),
        subsampled=set(components[1::3] + components[2::3]) != {1},
        reversible=_is_reversible(stream, at),
    )


def _is_reversible(stream: BinaryIO, at: int) -> bool | None:
    # Annex A.6.1: the marker COD says by which wavelets, 1 being the reversible ones.
    at += len(_START_OF_CODESTREAM)
    marker = b""
    try:
        while marker not in {_CODING_STYLE, _START_OF_TILE}:
            marker, size = read(stream, at, 2), int.from_bytes(read(stream, at + 2, 2))
            if marker == _CODING_STYLE:
                return read(stream, at + 13, 1) == b"\1"
            at += 2 + max(size, 2)
    except UnacceptableContentError:
        pass  # it ends before its first tile
    return None


def write_jp2(
    stream: BinaryIO,
    wrapping: Wrapping,
    size: tuple[int, int, int],
    depth: int,
    codestream: bytes | bytearray | memoryview,
) -> None:
    """Write a JP2 around ``codestream``; ``size`` is rows, columns, components, ``depth`` in bits."""
    rows, columns, components = size
    header = [
        _box(b"ihdr", struct.pack(">IIHBBBB", rows, columns, components, depth - 1, 7, 0, 0)),
        _colour_box(wrapping.colour),
    ]
    if wrapping.alpha:
        header.append(_box(b"cdef", _channels(components)))
    if wrapping.resolution is not None:
        header.append(_box(b"res ", _box(b"resc", _capture_resolution(wrapping.resolution))))
    stream.write(SIGNATURE)
    stream.write(_box(b"ftyp", b"jp2 \0\0\0\0jp2 "))
    stream.write(_box(b"jp2h", b"".join(header)))
    stream.writelines(_box(b"uuid", UUIDS[name] + block) for name, block in wrapping.blocks.items())
    stream.write(_box_head(b"jp2c", len(codestream)))
    stream.write(codestream)


def is_restricted(profile: bytes) -> bool:
    """Say whether JP2 may hold the profile: input or display, grey or RGB by matrix (annex I.5.3.3)."""
    if len(profile) < 132:  # noqa: PLR2004  header and tag count of an ICC profile
        return False
    kind, colour, connection = profile[12:16], profile[16:20], profile[20:24]
    count = int.from_bytes(profile[128:132])
    tags = {profile[start : start + 4] for start in range(132, 132 + 12 * min(count, 100), 12)}
    curves = {b"kTRC"} if colour == b"GRAY" else {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}
    return (
        kind in {b"scnr", b"mntr"}
        and colour in {b"GRAY", b"RGB "}
        and connection == b"XYZ "
        and curves <= tags
        and not any(tag.startswith((b"A2B", b"B2A")) for tag in tags)
    )


def _colour_box(colour: int | bytes) -> bytes:
    if isinstance(colour, int):
        return _box(b"colr", struct.pack(">BBBI", 1, 0, 0, colour))
    return _box(b"colr", struct.pack(">BBB", 2, 0, 0) + colour)


def _channels(components: int) -> bytes:
    # Channels, their types (0 colour, 1 opacity), and which colour they belong to (0: all of them).
    colour = [(channel, 0, channel + 1) for channel in range(components - 1)]
    entries = [*colour, (components - 1, 1, 0)]
    return struct.pack(">H", components) + b"".join(struct.pack(">HHH", *entry) for entry in entries)


def _capture_resolution(found: Resolution) -> bytes:
    # Annex I.5.3.7.1: numerator, denominator and power of ten, in pixels per metre, down before across.
    # The power could be negative, but not every reader takes it for signed.
    if found.unit is LengthUnit.NONE:
        raise UnacceptableContentError(
            "its resolution has no unit, and a JP2 counts per metre; TIFF can hold it"
        )
    across, down = (per_inch / _METRES_PER_INCH for per_inch in found.per_inch)
    fractions: list[int] = []
    powers: list[int] = []
    for number in (down, across):
        shift = min(4, math.floor(math.log10(_MOST_16_BITS / number)))
        fractions += round(number * 10.0**shift), 10 ** max(0, shift)
        powers.append(max(0, -shift))
    return struct.pack(">HHHHBB", *fractions, *powers)


def _colours(stream: BinaryIO, at: int, size: int) -> Iterator[int | bytes]:
    for kind, start, length in boxes_between(stream, at, at + size):
        if kind == b"colr":
            content = read(stream, start, length)
            if content[:1] == b"\1":
                yield int.from_bytes(content[3:7]) or _UNUSUAL
            else:
                yield content[3:] if content[:1] in {b"\2", b"\3"} else _UNUSUAL


def boxes_of(stream: BinaryIO) -> Iterable[tuple[bytes, int, int]]:
    """Return kind, offset and size of what each outermost box holds; a bare codestream is one box."""
    end = stream.seek(0, 2)
    if read(stream, 0, min(4, end)) == CODESTREAM:
        return [(b"jp2c", 0, end)]
    return boxes_between(stream, 0, end)


def boxes_between(stream: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes that fill ``at`` to ``end``, in the same way."""
    while end - at >= 8:  # noqa: PLR2004  the shortest box
        size, kind = struct.unpack(">I4s", read(stream, at, 8))
        head = 8
        if size == 1:
            size, head = int.from_bytes(read(stream, at + 8, 8)), 16
        if size == 0:
            size = end - at
        if size < head or at + size > end:
            raise UnacceptableContentError("its boxes do not fit into each other")
        yield kind, at + head, size - head
        at += size


def read(stream: BinaryIO, at: int, size: int) -> bytes:
    """Read ``size`` bytes at ``at``. Raises ``UnacceptableContentError`` where they are not there."""
    if size > _MOST_METADATA_BYTES:
        raise UnacceptableContentError(f"one of its boxes claims {size:,} bytes of metadata")
    stream.seek(at)
    content = stream.read(size)
    if len(content) < size:
        raise UnacceptableContentError("it ends in the middle of a box")
    return content


def _box(kind: bytes, content: bytes) -> bytes:
    return _box_head(kind, len(content)) + content


def _box_head(kind: bytes, size: int) -> bytes:
    if size + 8 < _WIDE_BOX:
        return struct.pack(">I4s", size + 8, kind)
    return struct.pack(">I4sQ", 1, kind, size + 16)
