"""JP2, lossless: OpenJPEG through imagecodecs encodes the samples, the boxes around them are written here."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from imagecodecs import jpeg2k_encode

from preservation.errors import UnacceptableContentError
from preservation.normalization.agents import OPENJPEG
from preservation.normalization.decoding import reported_by
from preservation.normalization.embedded import Embedded, exif_block
from preservation.normalization.jpeg2000 import GREY, SRGB, Wrapping, is_restricted, write_jp2
from preservation.normalization.pictures import Colour, Companions, Extra, Raster, Samples

_DEPTHS = frozenset({1, 8, 16})
_COLOURS = {Colour.BILEVEL: GREY, Colour.GREY: GREY, Colour.RGB: SRGB}


def write_lossless_jp2(raster: Raster, stream: BinaryIO) -> str:
    """Write the one page of ``raster`` and all that travels with it; return the name of the format written.

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
    values = samples.values.astype(np.uint8) if samples.colour is Colour.BILEVEL else samples.values
    with reported_by(OPENJPEG, "write"):
        codestream = jpeg2k_encode(
            values, codecformat="j2k", level=0, reversible=True, bitspersample=samples.bits
        )
    rows, columns = values.shape[:2]
    wrapping = Wrapping(
        colour=companions.profile or _COLOURS[samples.colour],
        alpha=bool(samples.extras),
        resolution=companions.resolution,
        blocks=_blocks(companions.embedded),
    )
    write_jp2(stream, wrapping, (rows, columns, sum(values.shape[2:] or (1,))), samples.bits, codestream)
    stream.flush()
    return "JP2, lossless"


def _blocks(embedded: Embedded) -> dict[str, bytes]:
    blocks = {"xmp": embedded.xmp, "exif": exif_block(embedded), "iptc": embedded.iptc}
    return {name: block for name, block in blocks.items() if block is not None}


def _refuse_companions(companions: Companions) -> None:
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
