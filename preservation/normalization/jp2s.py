"""JPEG 2000 as a raster: Pillow decodes 8 bits; 1 and 16 bits, which Pillow would change, imagecodecs does.

OpenJPEG lies beneath both, in builds of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

import numpy as np
from imagecodecs import jpeg2k_decode
from PIL import ImageFile

from preservation.errors import UnacceptableContentError
from preservation.normalization.agents import OPENJPEG, PILLOW_OPENJPEG
from preservation.normalization.decoding import whole
from preservation.normalization.embedded import Embedded, embedded_in, open_exif
from preservation.normalization.jpeg2000 import GREY, SRGB, read_codestream, read_wrapping
from preservation.normalization.pictures import Colour, Companions, Raster, Samples, grey_or_rgb
from preservation.normalization.pillows import PillowRaster, companions_of, samples_of
from preservation.normalization.tiffs import orientation_in


def open_jp2(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a JP2 or a bare codestream. Raises ``UnacceptableContentError`` where samples would change."""
    codestream = read_codestream(stream)
    wrapping = read_wrapping(stream)
    depths = set(codestream.depths)
    by_pillow = depths == {8}
    if codestream.signed or not (by_pillow or depths == {16} or codestream.depths == (1,)):
        raise UnacceptableContentError(
            f"its samples of {', '.join(map(str, sorted(depths)))} bits are not carried over exactly"
        )
    known = isinstance(wrapping.colour, bytes) or wrapping.colour in {0, GREY, SRGB}
    if not by_pillow and (wrapping.palette or not known):
        raise UnacceptableContentError("its colours are of a kind that is not migrated")

    def decode(_: ImageFile.ImageFile) -> Samples:
        # Without its boxes: imagecodecs would convert the samples by the profile that lies in them.
        values = np.asarray(jpeg2k_decode(whole(stream)[codestream.at :]))
        if codestream.depths == (1,):
            return Samples(values.astype(np.bool_), Colour.BILEVEL)
        return grey_or_rgb(values)

    def accompany(image: ImageFile.ImageFile) -> Companions:
        found = companions_of(image)
        embedded, orientation = Embedded(), found.orientation
        if "exif" in wrapping.blocks:
            reader, fields = open_exif(wrapping.blocks["exif"])
            embedded, orientation = embedded_in(reader, fields), orientation_in(reader, fields)
        return replace(
            found,
            profile=wrapping.colour if isinstance(wrapping.colour, bytes) else found.profile,
            orientation=orientation,
            embedded=replace(embedded, xmp=wrapping.blocks.get("xmp"), iptc=wrapping.blocks.get("iptc")),
        )

    return PillowRaster(
        stream,
        pixel_limit,
        decode=samples_of if by_pillow else decode,
        accompany=accompany,
        decoder=PILLOW_OPENJPEG if by_pillow else OPENJPEG,
    )
