"""Rasters but TIFF, through Pillow. What Pillow would reduce to 8 bits is decoded otherwise, or refused."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from preservation.errors import UnacceptableContentError
from preservation.model.events import Agent
from preservation.rasters.decoders import PILLOW, PILLOW_JPEG
from preservation.rasters.decoding import refuse_beyond, reported_by
from preservation.rasters.embedded import Embedded, open_exif
from preservation.rasters.inventory.containers import inventory_of
from preservation.rasters.losses import Loss
from preservation.rasters.raster import Colour, Companions, Extra, LengthUnit, Resolution, Samples, resolution
from preservation.rasters.tiff import orientation_in, resolution_in
from preservation.rasters.tiff_fields import ByteOrder

FORMATS = (
    "BMP", "DIB", "DCX", "GIF", "JPEG", "JPEG2000", "MSP", "PCX", "PNG", "PPM", "SGI", "SUN", "TGA",
    "WEBP", "XBM",
)  # fmt: skip
"""Formats that Pillow decodes whole: no layers, no other sizes of which it shows only one."""

_MOVING = frozenset({"GIF", "PNG", "WEBP"})
"""Formats whose frames are moments, not pages."""

_MODES = {
    "1": (Colour.BILEVEL, ()), "L": (Colour.GREY, ()), "LA": (Colour.GREY, (Extra.ALPHA,)),
    "RGB": (Colour.RGB, ()), "RGBA": (Colour.RGB, (Extra.ALPHA,)), "CMYK": (Colour.CMYK, ()),
    "I;16": (Colour.GREY, ()), "I;16B": (Colour.GREY, ()), "F": (Colour.GREY, ()),
}  # fmt: skip
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""How a picture of each EXIF orientation is turned upright."""

_WITH_ALPHA = {"1": "LA", "L": "LA", "RGB": "RGBA", "P": "RGBA", "PA": "RGBA", "LA": "LA", "RGBA": "RGBA"}
_WITHOUT_ALPHA = {"P": "RGB"}
_ROWS_AT_ONCE = 256
_HIGHEST_OF_8_BITS, _HIGHEST_OF_16_BITS = 255, 65535

Decoder = Callable[[ImageFile.ImageFile], Samples]


class PillowRaster:
    """An image file opened by Pillow; a format may bring its own decoder of samples, and companions."""

    def __init__(
        self,
        stream: BinaryIO,
        pixel_limit: int,
        decode: Decoder | None = None,
        companions: Companions | None = None,
        decoder: Agent = PILLOW,
    ) -> None:
        self._stream = stream
        self._limit = pixel_limit
        self._decode = decode or samples_of
        image = self._opened(0)
        is_jpeg = image.format in {"JPEG", "MPO"}
        self.decoder = PILLOW_JPEG if decoder is PILLOW and is_jpeg else decoder
        self._companions = companions or _companions_of_all(stream, image)
        with reported_by(self.decoder):
            # Pictures behind the first of a JPEG are no pages; they are named as left behind.
            self._page_count = 1 if is_jpeg else int(getattr(image, "n_frames", 1))
        if self._page_count > 1 and image.format in _MOVING:
            raise UnacceptableContentError(
                f"it is an animation of {self._page_count} frames, and no still format keeps their timing"
            )

    @property
    def page_count(self) -> int:
        """How many pictures follow each other in the file."""
        return self._page_count

    @property
    def byte_order(self) -> ByteOrder:
        """That of the EXIF block, little-endian where there is none."""
        return self.companions(0).embedded.byte_order

    def companions(self, page: int) -> Companions:  # noqa: ARG002  a file of Pillow's kinds has one set
        """Return what travels with the page."""
        return self._companions

    def decoded_bytes(self, page: int) -> int:
        """Return the most that the samples can take up: four bands, or three of a palette, of 16 bits."""
        image = self._opened(page)
        return image.width * image.height * len(image.getbands()) * (4 if image.mode in {"P", "F"} else 2)

    def samples(self, page: int) -> Samples:
        """Decode the page."""
        image = self._opened(page)
        with reported_by(self.decoder):
            return self._decode(image)

    def _opened(self, page: int) -> ImageFile.ImageFile:
        # Opened anew each time: an image that was decoded would keep its pixels for as long as it is held.
        with reported_by(PILLOW):
            self._stream.seek(0)
            try:
                image = Image.open(self._stream, formats=FORMATS)
            except UnidentifiedImageError as error:
                raise UnacceptableContentError("it is no image of a kind that can be migrated") from error
            if page:
                image.seek(page)
        refuse_beyond(self._limit, *image.size)
        return image


def samples_of(image: ImageFile.ImageFile) -> Samples:
    """Decode the image by Pillow. Raises ``UnacceptableContentError`` where Pillow would change samples."""
    if not _is_exact(image):
        raise UnacceptableContentError("its samples are of a depth that is not carried over exactly")
    image.load()
    if image.format == "PPM" and image.mode == "I":
        return Samples(_in_blocks(image, None).astype(np.uint16), Colour.GREY)
    mode = (_WITH_ALPHA if image.has_transparency_data else _WITHOUT_ALPHA).get(image.mode, image.mode)
    if mode not in _MODES or (image.has_transparency_data and mode not in _WITH_ALPHA.values()):
        raise UnacceptableContentError(
            f"its pixels are of a kind that is not carried over exactly ({image.mode})"
        )
    colour, extras = _MODES[mode]
    return Samples(_in_blocks(image, mode if mode != image.mode else None), colour, extras)


def _companions_of_all(stream: BinaryIO, image: ImageFile.ImageFile) -> Companions:
    name = image.format or ""
    findings = inventory_of(stream, name)
    if findings is not None:
        return findings.companions()
    with reported_by(PILLOW):
        found = companions_of(image)
    unlisted = Loss(
        f"other:{name.lower()}", details=("what such a file holds beside pixels is not listed here",)
    )
    return replace(found, embedded=replace(found.embedded, losses=(unlisted,)))


def companions_of(image: ImageFile.ImageFile) -> Companions:
    """Return the profile, resolution and orientation that Pillow finds, for what is said of any image."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        image.load()  # a PNG may bring its metadata behind its pixels
    native, orientation = _resolution_of(image), None
    block = image.info.get("exif")
    with suppress(UnacceptableContentError):
        if block:
            reader, fields = open_exif(block)
            native = native or resolution_in(reader, fields)
            orientation = orientation_in(reader, fields)
    return Companions(image.info.get("icc_profile") or None, native, orientation, Embedded())


def _in_blocks(image: Image.Image, mode: str | None) -> NDArray[Any]:
    # Pillow hands pixels out by way of two copies: so few rows at once.
    def rows_from(row: int) -> NDArray[Any]:
        block = image.crop((0, row, image.width, min(row + _ROWS_AT_ONCE, image.height)))
        values = np.asarray(block.convert(mode) if mode else block)
        # Pillow's true is 255 in memory, that of all others 1: the same to the eye, not to a digest.
        return values.view(np.uint8) != 0 if values.dtype == np.bool_ else values

    first = rows_from(0)
    if len(first) == image.height:
        return first
    values = np.empty((image.height, *first.shape[1:]), dtype=first.dtype)
    values[:_ROWS_AT_ONCE] = first
    for row in range(_ROWS_AT_ONCE, image.height, _ROWS_AT_ONCE):
        values[row : row + _ROWS_AT_ONCE] = rows_from(row)
    return values


def _is_exact(image: ImageFile.ImageFile) -> bool:
    # What Pillow is about to do stands in the tiles: the decoder, and its arguments about the samples.
    for tile in image.tile:
        if image.format == "SGI" and "16" in f"{tile.codec_name} {tile.args}":
            return False
        if image.format == "PPM" and isinstance(tile.args, tuple):
            highest = tile.args[-1]
            if highest != _HIGHEST_OF_8_BITS and (highest, image.mode) != (_HIGHEST_OF_16_BITS, "I"):
                return False
    return True


def _resolution_of(image: ImageFile.ImageFile) -> Resolution | None:
    info = image.info
    if image.format in {"JPEG", "MPO"}:
        return _resolution_in_jfif(info)
    if "aspect" in info:
        across, down = info["aspect"]
        return resolution(Fraction(across), Fraction(down), LengthUnit.NONE)
    if "dpi" not in info:
        return None
    across, down = info["dpi"]
    if image.format in {"PNG", "BMP", "DIB"}:
        # These count in whole pixels per metre: so do we, and lose nothing by Pillow's inches.
        exact = [Fraction(round(number / 0.0254), 100) for number in (across, down)]
        return resolution(exact[0], exact[1], LengthUnit.CENTIMETRE)
    exact = [Fraction(number).limit_denominator(1 << 16) for number in (across, down)]
    return resolution(exact[0], exact[1], LengthUnit.INCH)


def _resolution_in_jfif(info: Mapping[str | tuple[int, int], Any]) -> Resolution | None:
    # Pillow's own word is 72 dpi where the file gives none; JFIF's fields hold what was written.
    if "jfif_density" not in info:
        return None
    across, down = info["jfif_density"]
    unit = {1: LengthUnit.INCH, 2: LengthUnit.CENTIMETRE}.get(info["jfif_unit"], LengthUnit.NONE)
    return resolution(Fraction(across), Fraction(down), unit)
