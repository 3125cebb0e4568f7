"""JP2, lossless: OpenJPEG encodes the samples, the boxes around them are written here.

Pillow drives OpenJPEG tile by tile, in little memory; imagecodecs does for what Pillow has no mode for.
"""

import io
from typing import BinaryIO

import numpy as np
from imagecodecs import jpeg2k_encode
from PIL import Image

from preservation.errors import UnacceptableContentError
from preservation.model.events import Agent
from preservation.rasters.decoders import OPENJPEG, PILLOW_OPENJPEG
from preservation.rasters.decoding import reported_by
from preservation.rasters.embedded import Embedded, exif_block
from preservation.rasters.jp2 import GREY, SRGB, Wrapping, is_restricted, write_jp2
from preservation.rasters.raster import Colour, Companions, Extra, Raster, Samples, little_endian

_TILE = (1024, 1024)
_DEPTHS = frozenset({1, 8, 16})
_COLOURS = {Colour.BILEVEL: GREY, Colour.GREY: GREY, Colour.RGB: SRGB}


def write_lossless_jp2(raster: Raster, stream: BinaryIO) -> Agent:
    """Write the one page of ``raster`` and all that travels with it; return what encoded it.

    Raises ``UnacceptableContentError``, with the reason, where JP2 cannot hold the picture as it is.
    """
    if raster.page_count != 1:
        raise UnacceptableContentError(
            f"a JP2 holds one page, and this has {raster.page_count}; TIFF can hold them"
        )
    companions = raster.companions(0)
    _refuse_companions(companions)
    samples = raster.samples(0)
    _refuse_samples(samples, companions)
    encoder, codestream = _encoded(samples)
    rows, columns = samples.values.shape[:2]
    wrapping = Wrapping(
        colour=companions.profile or _COLOURS[samples.colour],
        alpha=bool(samples.extras),
        resolution=companions.resolution,
        blocks=_blocks(companions.embedded),
    )
    components = samples.colour.bands + len(samples.extras)
    write_jp2(stream, wrapping, (rows, columns, components), samples.bits, codestream)
    stream.flush()
    return encoder


def _encoded(samples: Samples) -> tuple[Agent, bytes | bytearray | memoryview]:
    values = little_endian(samples.values)
    if values.dtype == np.uint8 or (values.dtype == np.uint16 and not values.shape[2:]):
        sink = io.BytesIO()
        with reported_by(PILLOW_OPENJPEG, "write"):
            Image.fromarray(values).save(
                sink,
                "JPEG2000",
                no_jp2=True,
                irreversible=False,
                mct=int(samples.colour is Colour.RGB),
                tile_size=_TILE,
            )
        return PILLOW_OPENJPEG, sink.getbuffer()
    bilevel = samples.colour is Colour.BILEVEL
    with reported_by(OPENJPEG, "write"):
        codestream = jpeg2k_encode(
            values.astype(np.uint8) if bilevel else values,
            codecformat="j2k",
            level=0,
            reversible=True,
            bitspersample=samples.bits,
            # Wavelets make one bit larger, and OpenJPEG fails where it becomes much larger.
            resolutions=1 if bilevel else None,
        )
    return OPENJPEG, codestream


def _blocks(embedded: Embedded) -> dict[str, bytes]:
    blocks = {"xmp": embedded.xmp, "exif": exif_block(embedded), "iptc": embedded.iptc}
    return {name: block for name, block in blocks.items() if block is not None}


def _refuse_companions(companions: Companions) -> None:
    if not companions.is_picture:
        raise UnacceptableContentError(f"it is a {companions.role}, and a JP2 cannot say so; TIFF can")
    if companions.orientation != 1:
        raise UnacceptableContentError("it is to be turned when shown, and a JP2 cannot say so; TIFF can")
    if companions.profile is not None and not is_restricted(companions.profile):
        raise UnacceptableContentError(
            "its ICC profile is of a kind that a JP2 may not hold: only input and display profiles "
            "that work by matrix; TIFF can hold it"
        )


def _refuse_samples(samples: Samples, companions: Companions) -> None:
    if samples.colour not in _COLOURS:
        raise UnacceptableContentError(f"a JP2 cannot hold {samples.colour} pictures; TIFF can")
    if samples.bits not in _DEPTHS or samples.values.dtype.kind not in "bu":
        raise UnacceptableContentError(f"JP2 is not written for such samples ({samples}); TIFF can hold them")
    if samples.extras not in {(), (Extra.ALPHA,)}:
        raise UnacceptableContentError(
            "beside colour it has samples that are not plain transparency; TIFF can hold them"
        )
    profile = companions.profile
    fitting = b"RGB " if samples.colour is Colour.RGB else b"GRAY"
    if profile is not None and profile[16:20] != fitting:
        raise UnacceptableContentError(
            f"its ICC profile is for another kind of picture than {samples.colour}"
        )
