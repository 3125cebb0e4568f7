"""Facts about an image that Pillow has opened, as the file gives them, not as the decoder shows them.

A TIFF with 16 bits a sample may be shown with 8; a JPEG that says nothing of resolution may be shown
with 72 dpi.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Final

from PIL import Image, ImageCms

from preservation.model.screening import ImageFacts
from preservation.rasters import jp2_decoding
from preservation.rasters.families import Family
from preservation.tools.work import NOT_ABOUT_CONTENT

HEADER_BYTES: Final = 1 << 16
"""How much of the beginning of a file ``facts_of`` wants to see."""

TIFF_COMPRESSIONS: Final = {
    1: "none", 2: "CCITT RLE", 3: "CCITT Group 3", 4: "CCITT Group 4", 5: "LZW", 6: "JPEG (old style)",
    7: "JPEG", 8: "Deflate", 32771: "CCITT RLE", 32773: "PackBits", 32946: "Deflate", 33003: "JPEG 2000",
    33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA",
    50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip  # a table
"""Names of the values of tag 259."""

_COMPRESSIONS = {
    Family.JPEG: "JPEG",
    Family.PNG: "Deflate",
    Family.GIF: "LZW",
    Family.WEBP: "WebP",
    Family.AVIF: "AV1",
    Family.PCX: "RLE",
}

_BITS_OF_MODE = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I;16N": 16, "I": 32, "F": 32}
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _ORIENTATION = 282, 283, 296, 274
_BITS_PER_SAMPLE, _COMPRESSION = 258, 259
_INCH, _CENTIMETRE = 2, 3
_CM_PER_INCH = 2.54


def facts_of(image: Image.Image, family: Family, header: bytes) -> ImageFacts:
    """Return the facts about the frame that ``image`` stands at."""
    return ImageFacts(
        frames=1,
        width=image.width,
        height=image.height,
        mode=image.mode,
        bits=_bits(image, family, header),
        compression=_compression(image, family, header),
        resolution=_resolution(image, family),
        profile=profile_description(image.info.get("icc_profile")),
        orientation=orientation(_exif_of(image).get(_ORIENTATION)),
    )


def dots_per_inch(x: object, y: object, unit: object) -> tuple[float, float] | None:
    """Return the resolution that the TIFF tags 282, 283 and 296 give; ``None`` for none or nonsense.

    Unit 2 is the inch, 3 the centimetre; 1 says that the figures are a ratio and no resolution.
    """
    factor = {_INCH: 1.0, _CENTIMETRE: _CM_PER_INCH}.get(unit) if isinstance(unit, int) else None
    figures = (_positive(x), _positive(y))
    if factor is None or None in figures:
        return None
    return (round(figures[0] * factor, 4), round(figures[1] * factor, 4))  # type: ignore[operator]  # neither is None


def profile_description(icc: bytes | None) -> str | None:
    """Return what an ICC profile calls itself, or that it cannot be read; ``None`` where there is none."""
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        description = ImageCms.getProfileDescription(profile).strip()
    except (ImageCms.PyCMSError, OSError, UnicodeError):
        return "unreadable profile"
    return "".join(filter(str.isprintable, description)) or "profile without a description"


def orientation(value: object) -> int | None:
    """Return the value of tag 274 where it is one of EXIF's eight."""
    return value if isinstance(value, int) and 1 <= value <= 8 else None  # noqa: PLR2004  EXIF's eight ways


def _bits(image: Image.Image, family: Family, header: bytes) -> int:
    match family:
        case Family.TIFF:
            bits = _tag(image, _BITS_PER_SAMPLE)
            return bits if isinstance(bits, int) else 1
        case Family.PNG:
            return header[24]
        case Family.BMP:
            # Below 16 bits a pixel holds an index; above, it holds three or four bytes.
            per_pixel = header[28] if header[14] >= 40 else header[24]  # noqa: PLR2004  BITMAPINFOHEADER
            return per_pixel if per_pixel < 16 else 8  # noqa: PLR2004
        case Family.JPEG_2000:
            codestream = jp2_decoding.header_of(header)
            return 8 if codestream is None else codestream.bits
        case Family.PORTABLE_ANYMAP if image.mode == "I":
            return 16
        case _:
            return _BITS_OF_MODE.get(image.mode, 8)


def _compression(image: Image.Image, family: Family, header: bytes) -> str:
    match family:
        case Family.TIFF:
            number = _tag(image, _COMPRESSION)
            return TIFF_COMPRESSIONS.get(
                number if isinstance(number, int) else 1, f"TIFF compression {number}"
            )
        case Family.JPEG_2000:
            codestream = jp2_decoding.header_of(header)
            return "JPEG 2000" if codestream is None else codestream.compression
        case Family.BMP | Family.TARGA | Family.SILICON_GRAPHICS | Family.PHOTOSHOP:
            return "RLE" if image.info.get("compression") not in {None, 0, 3, "raw"} else "none"
        case _:
            return _COMPRESSIONS.get(family, "none")


def _resolution(image: Image.Image, family: Family) -> tuple[float, float] | None:
    if family is Family.TIFF:
        return dots_per_inch(
            _tag(image, _X_RESOLUTION), _tag(image, _Y_RESOLUTION), _tag(image, _RESOLUTION_UNIT) or _INCH
        )
    if family is Family.JPEG:
        # Where a JPEG says nothing of it, Pillow says 72 dpi: both places are asked here instead.
        x, y = image.info.get("jfif_density", (None, None))
        if image.info.get("jfif_unit") in {1, 2}:
            return dots_per_inch(x, y, image.info["jfif_unit"] + 1)
        exif = _exif_of(image)
        return dots_per_inch(
            exif.get(_X_RESOLUTION), exif.get(_Y_RESOLUTION), exif.get(_RESOLUTION_UNIT, _INCH)
        )
    x, y = image.info.get("dpi", (None, None))
    return dots_per_inch(x, y, _INCH)


def _exif_of(image: Image.Image) -> Mapping[int, object]:
    """Return the EXIF fields; none where they are damaged, which makes no image undecodable."""
    try:
        return image.getexif()
    except NOT_ABOUT_CONTENT:
        raise
    except Exception:  # noqa: BLE001  Pillow raises whatever happens to come
        return {}


def _tag(image: Image.Image, number: int) -> object:
    """Return a TIFF tag's value, or the first of several."""
    value = image.tag_v2.get(number)  # type: ignore[attr-defined]  # TIFF images have it
    return value[0] if isinstance(value, tuple) and value else value


def _positive(figure: object) -> float | None:
    try:
        number = float(figure)  # type: ignore[arg-type]  # whatever the file holds there
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
