"""BMP, of Windows and of OS/2: one header of many lengths, pixels, and perhaps a profile."""

import struct
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from preservation.errors import UnacceptableContentError
from preservation.rasters.decoding import Buffer, whole
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.losses import Concern
from preservation.rasters.raster import LengthUnit, resolution

_FILE_HEADER = 14
_CORE, _INFO, _OS2, _V4, _V5 = 12, 40, 64, 108, 124
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_PLAIN = frozenset({0, _BITFIELDS, _ALPHA_BITFIELDS})
_CALIBRATED, _EMBEDDED, _LINKED = bytes(4), b"DEBM", b"KNIL"
_DEFAULT_SPACES = frozenset({b"BGRs", b" niW"})
"""sRGB, and the default of Windows, which is sRGB: what a picture without a profile is shown as."""

_PLAIN_MASKS = {16: 0x7FFF, 32: 0xFFFFFF}
"""The bits of a pixel that are colours where no mask says which."""
_ALPHA_OF_DECODERS = 0xFF000000
"""The one transparency that decoders read, of 32 bits; other bits that no colour takes are passed over."""

_INTENTS = {1: 2, 2: 1, 4: 0, 8: 3}
"""Rendering intents of BMP, as ICC counts them."""
_MOST_COLOURS = 256


def inventory_of_bmp(stream: BinaryIO) -> Inventory:
    """Look at every field of the header, and at every byte that neither it nor the pixels take."""
    findings = Inventory("bmp")
    content = whole(stream)
    if len(content) < _FILE_HEADER + _CORE:
        raise UnacceptableContentError("it ends in the middle of its header")
    size = int.from_bytes(content[14:18], "little")
    if size not in {_CORE, _INFO, 52, 56, _OS2, _V4, _V5} or len(content) < _FILE_HEADER + size:
        raise UnacceptableContentError("its header is of no known kind")
    header = bytes(content[_FILE_HEADER : _FILE_HEADER + size])
    if any(content[6:10]):
        findings.lose("reserved", "numbers in reserved fields")
    taken = [(0, _FILE_HEADER + size), *_pixels(content, header)]
    if size >= _INFO:
        _take_resolution(findings, header)
    if size == _OS2 and any(header[_INFO:]):
        findings.lose("os2-header", "how the picture was recorded and is to be rendered")
    if size in {_V4, _V5}:
        taken += _take_colour_space(findings, header, content)
    if size >= _INFO:
        _lose_unused_bits(findings, content, header, *taken[2])
    _lose_other_bytes(findings, content, taken)
    return findings


def _take_resolution(findings: Inventory, header: bytes) -> None:
    across, down = struct.unpack("<ii", header[24:32])
    found = resolution(Fraction(across, 100), Fraction(down, 100), LengthUnit.CENTIMETRE)
    if found is None and (across, down) != (0, 0):
        findings.lose("resolution", f"{across} x {down} pixels per metre")
    findings.take_resolution(found, "its header")


def _take_colour_space(findings: Inventory, header: bytes, content: Buffer) -> list[tuple[int, int]]:
    space = header[56:60]
    if space in _DEFAULT_SPACES:
        return []
    if space == _CALIBRATED:
        if any(header[60:108]):
            findings.lose("calibration", "primaries and gamma", Concern.COLOUR)
        return []
    if space not in {_EMBEDDED, _LINKED} or len(header) < _V5:
        findings.lose("colour-space", f"{space[::-1]!r}", Concern.COLOUR)
        return []
    intent, at, size = struct.unpack("<III", header[108:120])
    at += _FILE_HEADER
    profile = bytes(content[at : at + size])
    if space == _LINKED:
        findings.lose("linked-profile", concern=Concern.COLOUR)
    else:
        findings.take_profile(profile, "profile")
        if findings.profile is not None and _INTENTS.get(intent, intent) != int.from_bytes(profile[64:68]):
            findings.lose("intent", f"{intent}, other than the profile's own")
    return [(at, at + size)]


def _pixels(content: Buffer, header: bytes) -> list[tuple[int, int]]:
    """Return where palette and pixels lie."""
    offset = int.from_bytes(content[10:14], "little")
    size = len(header)
    if size == _CORE:
        (width, height, _, depth), compression, stated, used = struct.unpack("<HHHH", header[4:12]), 0, 0, 0
    else:
        width, height, _, depth, compression, stated = struct.unpack("<iiHHII", header[4:24])
        used = int.from_bytes(header[32:36], "little")
    if compression in _PLAIN:
        stated = (width * depth + 31) // 32 * 4 * abs(height)
    masks = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}.get(compression, 0) if size == _INFO else 0
    most = 1 << depth if depth <= 8 else _MOST_COLOURS if used else 0  # noqa: PLR2004  a palette's depth
    start = _FILE_HEADER + size
    palette = start + masks + most * (3 if size == _CORE else 4)
    return [(start, min(palette, max(offset, start))), (offset, offset + stated)]


def _lose_unused_bits(findings: Inventory, content: Buffer, header: bytes, at: int, end: int) -> None:
    # Nothing is said of them; programs of some makers keep transparency there.
    depth, compression = struct.unpack("<HI", header[14:20])
    if depth not in _PLAIN_MASKS or compression not in _PLAIN:
        return
    used = _PLAIN_MASKS[depth]
    if compression:
        behind = _FILE_HEADER + _INFO
        masks = struct.unpack("<4I", content[behind : behind + 16].ljust(16, b"\0"))
        used = masks[0] | masks[1] | masks[2]
        if depth == 32 and len(header) > _INFO + 12 and masks[3] == _ALPHA_OF_DECODERS:  # noqa: PLR2004
            used |= masks[3]
    unused = ~used & ((1 << depth) - 1)
    width = depth // 8
    stored = content[at:end]
    found = np.frombuffer(stored[: len(stored) // width * width], f"<u{width}") & np.uint32(unused)
    if found.size and (found.min() != found.max() or found[0] not in {0, unused}):
        findings.lose("unused-bits", "numbers in bits of its pixels that are no colour")


def _lose_other_bytes(findings: Inventory, content: Buffer, taken: list[tuple[int, int]]) -> None:
    at = others = 0
    for start, end in [*sorted(taken), (len(content), len(content))]:
        if at < start and any(content[at : min(start, len(content))]):
            others += min(start, len(content)) - at
        at = max(at, end)
    if others:
        findings.lose("other-bytes", f"{others:,} bytes that belong to nothing")
