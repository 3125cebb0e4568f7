"""Facts about an image, as the file gives them, not as the decoder shows them.

A TIFF with 16 bits a sample may be shown with 8; a JPEG that says nothing of resolution may be shown
with 72 dpi.
"""

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageCms, ImageFile

from preservation.errors import UnacceptableContentError
from preservation.model.compressions import TIFF_COMPRESSIONS
from preservation.model.screening import ImageFacts
from preservation.rasters import embedded
from preservation.rasters.families import Family
from preservation.rasters.jp2 import read_codestream
from preservation.rasters.pillow import companions_of
from preservation.rasters.raster import Companions
from preservation.rasters.tiff import companions_in
from preservation.rasters.tiff_fields import DirectoryReader

_COMPRESSIONS = {
    Family.JPEG: "JPEG",
    Family.PNG: "Deflate",
    Family.GIF: "LZW",
    Family.WEBP: "WebP",
    Family.AVIF: "AV1",
    Family.PCX: "RLE",
}

_BITS_OF_MODE = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I;16N": 16, "I": 32, "F": 32}
_BITS_PER_SAMPLE, _COMPRESSION = 258, 259
_TIFF_TAGS = frozenset({
    _BITS_PER_SAMPLE, _COMPRESSION, embedded.ORIENTATION, embedded.ACROSS, embedded.DOWN,
    embedded.RESOLUTION_UNIT, embedded.PROFILE,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """What a file says of its first picture; ``None`` is for the decoder to say."""

    bits: int | None = None
    compression: str | None = None
    companions: Companions | None = None


def stored_in(stream: BinaryIO, family: Family) -> StatedFacts:
    """Read from the file itself what decoders do not hand on. To be asked before a decoder has the stream."""
    stream.seek(0)
    # A damaged file has no facts of its own: only the decoders report on it.
    with suppress(UnacceptableContentError, IndexError):
        match family:
            case Family.TIFF:
                return _stored_in_tiff(DirectoryReader(stream))
            case Family.PNG:
                return StatedFacts(stream.read(25)[24])
            case Family.BMP:
                header = stream.read(30)
                # Below 16 bits a pixel holds an index; above, it holds three or four bytes.
                per_pixel = header[28] if header[14] >= 40 else header[24]  # noqa: PLR2004  BITMAPINFOHEADER
                return StatedFacts(per_pixel if per_pixel < 16 else 8)  # noqa: PLR2004
            case Family.JPEG_2000:
                codestream = read_codestream(stream)
                return StatedFacts(codestream.depths[0], codestream.compression)
    return StatedFacts()


def facts_of(image: ImageFile.ImageFile, family: Family, stored: StatedFacts) -> ImageFacts:
    """Return the facts about the decoded frame that ``image`` stands at."""
    deep = family is Family.PORTABLE_ANYMAP and image.mode == "I"
    return image_facts(
        image.size,
        image.mode,
        StatedFacts(
            stored.bits or (16 if deep else _BITS_OF_MODE.get(image.mode, 8)),
            stored.compression or _compression(image, family),
            stored.companions or companions_of(image),
        ),
    )


def image_facts(size: tuple[int, int], mode: str, stored: StatedFacts, frames: int = 1) -> ImageFacts:
    """Return the facts about a picture of ``size``, columns and rows."""
    companions = stored.companions
    resolution = companions.resolution if companions else None
    return ImageFacts(
        frames=frames,
        width=size[0],
        height=size[1],
        mode=mode,
        bits=stored.bits or 1,
        compression=stored.compression or "none",
        resolution=resolution.dots_per_inch if resolution else None,
        profile=name_of_profile(companions.profile if companions else None),
        orientation=companions.stated_orientation if companions else None,
    )


def _stored_in_tiff(reader: DirectoryReader) -> StatedFacts:
    fields = reader.first_page(_TIFF_TAGS)

    def number(tag: int) -> int:
        return reader.numbers(fields[tag])[0] if tag in fields else 1

    compression = number(_COMPRESSION)
    return StatedFacts(
        number(_BITS_PER_SAMPLE),
        TIFF_COMPRESSIONS.get(compression, f"TIFF compression {compression}"),
        companions_in(reader, fields),
    )


def _compression(image: Image.Image, family: Family) -> str:
    if family in {Family.BMP, Family.TARGA, Family.SILICON_GRAPHICS, Family.PHOTOSHOP}:
        return "RLE" if image.info.get("compression") not in {None, 0, 3, "raw"} else "none"
    return _COMPRESSIONS.get(family, "none")


def name_of_profile(icc: bytes | None) -> str | None:
    """Return what an ICC profile calls itself, or that it cannot be read; ``None`` where there is none."""
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        description = ImageCms.getProfileDescription(profile).strip()
    except (ImageCms.PyCMSError, OSError, UnicodeError):
        return "unreadable profile"
    return "".join(filter(str.isprintable, description)) or "profile without a description"
