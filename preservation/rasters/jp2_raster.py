"""JPEG 2000 as a raster. OpenJPEG lies beneath every decoder of it here, in builds of their own.

Pillow decodes 8 bits tile by tile and understands colours, but would change samples of 1 and 16 bits.
imagecodecs decodes bare codestreams of any depth, and holds all samples in 32 bits while it does so.
"""

from dataclasses import replace
from typing import BinaryIO

import numpy as np
from imagecodecs import jpeg2k_decode
from PIL import ImageFile

from preservation.errors import UnacceptableContentError
from preservation.model.screening import ImageFacts
from preservation.rasters.decoders import OPENJPEG, PILLOW_OPENJPEG
from preservation.rasters.decoding import Room, refuse_beyond, whole
from preservation.rasters.embedded import Embedded, embedded_in, open_exif
from preservation.rasters.facts import StatedFacts, image_facts
from preservation.rasters.jp2 import GREY, SRGB, Codestream, Wrapping, read_codestream, read_wrapping
from preservation.rasters.pillow import Companionship, PillowRaster, companions_of, samples_of
from preservation.rasters.raster import Colour, Companions, Raster, Samples, grey_or_rgb
from preservation.rasters.tiff import orientation_in

_MUCH = 150_000_000
"""Pixels beyond which 32 bits a sample are too many to be held at once."""


def jp2_by_pillow(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a JP2 or a bare codestream: Pillow decodes 8 bits, imagecodecs any others.

    Raises ``UnacceptableContentError`` where samples would change.
    """
    codestream, wrapping = read_codestream(stream), read_wrapping(stream)
    if set(codestream.depths) == {8} and not codestream.signed:
        return PillowRaster(stream, pixel_limit, samples_of, _companionship(wrapping), PILLOW_OPENJPEG)
    return _by_imagecodecs(stream, pixel_limit, codestream, wrapping)


def jp2_by_imagecodecs(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a JP2 or a bare codestream: imagecodecs decodes what it can, Pillow the rest of 8 bits."""
    codestream, wrapping = read_codestream(stream), read_wrapping(stream)
    # Of irreversible wavelets every decoder makes samples of its own, a step of one apart.
    comparable = codestream.reversible is True and _is_plain(codestream, wrapping)
    if comparable and codestream.columns * codestream.rows <= _MUCH:
        return _by_imagecodecs(stream, pixel_limit, codestream, wrapping)
    return jp2_by_pillow(stream, pixel_limit)


def decode_wholly(stream: BinaryIO, room: Room) -> ImageFacts:
    """Decode all of a JPEG 2000 that Pillow gave up, by imagecodecs.

    Raises ``TooMuchError``, or whatever imagecodecs raises about what it cannot decode;
    ``NotImplementedError`` says that nothing is wrong with the image, only that it cannot be decoded here.
    """
    codestream = read_codestream(stream)
    components, bits = len(codestream.depths), codestream.depths[0]
    # OpenJPEG holds every sample in four bytes, whatever its depth.
    room.require(codestream.columns, codestream.rows, components * 4)
    stream.seek(0)
    jpeg2k_decode(stream.read())
    return image_facts(
        (codestream.columns, codestream.rows),
        f"{components} components;{bits}",
        StatedFacts(bits, codestream.compression),
    )


def _by_imagecodecs(stream: BinaryIO, pixel_limit: int, codestream: Codestream, wrapping: Wrapping) -> Raster:
    depths = sorted(set(codestream.depths))
    if codestream.signed or not (depths in ([8], [16]) or codestream.depths == (1,)):
        raise UnacceptableContentError(
            f"its samples of {', '.join(map(str, depths))} bits are not carried over exactly"
        )
    if not _is_plain(codestream, wrapping):
        raise UnacceptableContentError("its colours are of a kind that is not migrated")
    refuse_beyond(pixel_limit, codestream.columns, codestream.rows)

    def decode(_: ImageFile.ImageFile) -> Samples:
        # Without its boxes: imagecodecs would convert the samples by the profile that lies in them.
        values = np.asarray(jpeg2k_decode(whole(stream)[codestream.at :]))
        if codestream.depths == (1,):
            return Samples(values.astype(np.bool_), Colour.BILEVEL)
        return grey_or_rgb(values)

    return PillowRaster(stream, pixel_limit, decode, _companionship(wrapping), OPENJPEG)


def _is_plain(codestream: Codestream, wrapping: Wrapping) -> bool:
    known = isinstance(wrapping.colour, bytes) or wrapping.colour in {0, GREY, SRGB}
    few = len(codestream.depths) <= Colour.RGB.bands + 1
    return known and few and not wrapping.palette and not codestream.subsampled


def _companionship(wrapping: Wrapping) -> Companionship:
    def accompany(image: ImageFile.ImageFile) -> Companions:
        found = companions_of(image)
        embedded, orientation = Embedded(), found.stated_orientation
        if "exif" in wrapping.blocks:
            reader, fields = open_exif(wrapping.blocks["exif"])
            embedded, orientation = embedded_in(reader, fields), orientation_in(reader, fields)
        return replace(
            found,
            profile=wrapping.colour if isinstance(wrapping.colour, bytes) else found.profile,
            stated_orientation=orientation,
            embedded=replace(embedded, xmp=wrapping.blocks.get("xmp"), iptc=wrapping.blocks.get("iptc")),
        )

    return accompany
