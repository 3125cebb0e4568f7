"""Which decoder opens a raster: one for converting, and for proving another wherever there is one.

=========  ===========================  =============================================
file       converting reads it by       proving reads it by
=========  ===========================  =============================================
TIFF       tifffile                     libtiff (CMYK: Pillow, beyond 8 bits tifffile)
PNG        Pillow (16 bits: libpng)     libpng
JPEG 2000  Pillow (else imagecodecs)    imagecodecs (if huge or special: Pillow)
JPEG       Pillow                       simplejpeg (rare kinds: Pillow)
others     Pillow                       the same
=========  ===========================  =============================================

Where a library decodes damaged data and only warns of it, proving listens: what fills its gaps is no picture.
"""

from typing import BinaryIO

import numpy as np
from imagecodecs import png_decode
from PIL import ImageFile

from preservation.rasters import jpeg
from preservation.rasters.decoders import LIBPNG, SIMPLEJPEG
from preservation.rasters.decoding import whole
from preservation.rasters.jp2 import CODESTREAM, SIGNATURE
from preservation.rasters.jp2_raster import jp2_by_imagecodecs, jp2_by_pillow
from preservation.rasters.jpeg_segments import START, segments_of
from preservation.rasters.pillow import PillowRaster
from preservation.rasters.raster import Colour, Raster, Samples, grey_or_rgb
from preservation.rasters.tiff import tiff_below_thumbnail, tiff_by_libtiff, tiff_by_tifffile
from preservation.rasters.tiff_fields import begins_as_tiff

_PNG = b"\x89PNG\r\n\x1a\n"
_ONE_BIT_GREY, _DEEP_GREY = b"\1\0", b"\x10\0"


def open_for_converting(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a raster for a migration. Raises ``UnacceptableContentError`` where it cannot be read exactly."""
    beginning = _beginning(stream)
    if begins_as_tiff(beginning):
        return tiff_by_tifffile(stream, pixel_limit)
    # Of deep samples Pillow keeps only grey ones.
    if beginning.startswith(_PNG) and beginning[24:25] == b"\x10" and beginning[24:] != _DEEP_GREY:
        return _png_by_libpng(stream, pixel_limit, beginning)
    if beginning.startswith((SIGNATURE, CODESTREAM)):
        return jp2_by_pillow(stream, pixel_limit)
    return PillowRaster(stream, pixel_limit)


def open_for_showing(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open what people are to be shown of a raster: the full picture, where thumbnails lie before it."""
    below = tiff_below_thumbnail(stream, pixel_limit) if begins_as_tiff(_beginning(stream)) else None
    return below or open_for_converting(stream, pixel_limit)


def open_for_proving(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a raster for comparing it, by another decoder wherever there is one."""
    beginning = _beginning(stream)
    if begins_as_tiff(beginning):
        return tiff_by_libtiff(stream, pixel_limit)
    if beginning.startswith(_PNG):
        return _png_by_libpng(stream, pixel_limit, beginning)
    if beginning.startswith((SIGNATURE, CODESTREAM)):
        return jp2_by_imagecodecs(stream, pixel_limit)
    if beginning.startswith(START):
        return _jpeg_by_simplejpeg(stream, pixel_limit)
    return PillowRaster(stream, pixel_limit)


def _png_by_libpng(stream: BinaryIO, pixel_limit: int, beginning: bytes) -> Raster:
    def decode(_: ImageFile.ImageFile) -> Samples:
        values = np.asarray(png_decode(whole(stream)))
        if beginning[24:] == _ONE_BIT_GREY and not values.shape[2:]:
            return Samples(values.astype(np.bool_), Colour.BILEVEL)
        return grey_or_rgb(values)

    return PillowRaster(stream, pixel_limit, decode=decode, decoder=LIBPNG)


def _jpeg_by_simplejpeg(stream: BinaryIO, pixel_limit: int) -> Raster:
    content = whole(stream)
    segments = segments_of(content)
    if not (segments.is_everyday and jpeg.is_supported(content)):
        return PillowRaster(stream, pixel_limit)

    def decode(_: ImageFile.ImageFile) -> Samples:
        size = segments.rows, segments.columns
        values = jpeg.decode(segments.decodable(content), segments.components, size)
        if segments.components == Colour.CMYK.bands:
            # Adobe's, which are all that there are, hold inks inverted.
            return Samples(np.invert(values), Colour.CMYK)
        return grey_or_rgb(values if segments.components > 1 else values[..., 0])

    return PillowRaster(stream, pixel_limit, decode=decode, decoder=SIMPLEJPEG)


def _beginning(stream: BinaryIO) -> bytes:
    # PNG's signature and first chunk, which gives depth (byte 24) and colour type (byte 25).
    stream.seek(0)
    return stream.read(26).ljust(26, b"\0")
