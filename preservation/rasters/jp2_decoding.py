"""JPEG 2000: what the header of the codestream says, and the decoder that is asked when Pillow gives up."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import imagecodecs

from preservation.errors import UnacceptableContentError
from preservation.model.screening import ImageFacts
from preservation.rasters.memory import Room

_START = b"\xff\x4f\xff\x51"
"""SOC, then SIZ: every codestream begins so (ISO/IEC 15444-1 annex A)."""

_SIZ = struct.Struct(">4x2x2xIIII16xHB")
"""After the markers, a length and the capabilities: extents, offsets, tiles, components, depth."""

_CODING_STYLE = b"\xff\x52"
_WAVELET_AT = 13
_REVERSIBLE = 1
_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class CodestreamHeader:
    """The sizes that a codestream claims, in pixels, the bits of its first component, and its wavelet."""

    width: int
    height: int
    components: int
    bits: int
    compression: str


def header_of(beginning: bytes) -> CodestreamHeader | None:
    """Find the codestream's header in the beginning of a file; ``None`` where it is not there."""
    start = beginning.find(_START)
    if start < 0 or len(beginning) < start + _SIZ.size:
        return None
    right, bottom, left, top, components, depth = _SIZ.unpack_from(beginning, start)
    style = beginning.find(_CODING_STYLE, start)
    wavelet = ""
    if 0 <= style < len(beginning) - _WAVELET_AT:
        wavelet = ", reversible" if beginning[style + _WAVELET_AT] == _REVERSIBLE else ", irreversible"
    return CodestreamHeader(right - left, bottom - top, components, (depth & 0x7F) + 1, f"JPEG 2000{wavelet}")


def decode(stream: BinaryIO, room: Room) -> ImageFacts:
    """Decode all of it. Raises ``TooMuchError``, or whatever imagecodecs raises about what it cannot decode.

    ``NotImplementedError`` says that nothing is wrong with the image, only that it cannot be decoded here.
    """
    stream.seek(0)
    header = header_of(stream.read(_HEADER_BYTES))
    if header is None:
        raise UnacceptableContentError("it has no codestream header")
    # OpenJPEG holds every sample in four bytes, whatever its depth.
    room.require(header.width, header.height, header.components * 4)
    stream.seek(0)
    imagecodecs.jpeg2k_decode(stream.read())
    return ImageFacts(
        frames=1,
        width=header.width,
        height=header.height,
        mode=f"{header.components} components;{header.bits}",
        bits=header.bits,
        compression=header.compression,
        resolution=None,
        profile=None,
        orientation=None,
    )
