"""Photoshop image resources (the blocks that begin with 8BIM), as JPEG and TIFF hold them."""

from fractions import Fraction

from preservation.rasters.raster import LengthUnit, Resolution, resolution

TIFF_TAG = 34377
IPTC, _RESOLUTION = 0x0404, 0x03ED
_THUMBNAILS = (0x0409, 0x040C)
"""Those of Photoshop 4, and of the versions since."""
_SHORTEST = 12


def resource(block: bytes, number: int) -> bytes | None:
    """Return the first resource of that number; ``None`` where there is none before the block goes astray."""
    at = 0
    while len(block) - at >= _SHORTEST and block[at : at + 4] == b"8BIM":
        found = int.from_bytes(block[at + 4 : at + 6])
        # A Pascal string and the data are both padded to an even length.
        at += 6 + (block[at + 6] + 2 & ~1)
        size = int.from_bytes(block[at : at + 4])
        at += 4
        if found == number:
            return block[at : at + size] if at + size <= len(block) else None
        at += size + (size & 1)
    return None


def resolution_in_resources(block: bytes) -> Resolution | None:
    """Return the resolution that the resources state: pixels per inch, in 65,536ths."""
    found = resource(block, _RESOLUTION)
    if found is None or len(found) < _SHORTEST:
        return None
    across, down = (Fraction(int.from_bytes(found[at : at + 4]), 1 << 16) for at in (0, 8))
    return resolution(across, down, LengthUnit.INCH)


def has_thumbnail(block: bytes) -> bool:
    """Say whether the resources hold a small copy of the picture."""
    return any(resource(block, number) for number in _THUMBNAILS)
