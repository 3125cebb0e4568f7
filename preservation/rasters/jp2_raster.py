"""JPEG 2000 as a raster. OpenJPEG lies beneath every decoder of it here, in builds of their own.

Pillow decodes 8 bits tile by tile and understands colours, but would change samples of 1 and 16 bits.
imagecodecs decodes bare codestreams of any depth, and holds all samples in 32 bits while it does so.
"""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from imagecodecs import jpeg2k_decode
from PIL import ImageFile

from preservation.errors import UnacceptableContentError
from preservation.model.screening import ImageFacts
from preservation.rasters.decoders import OPENJPEG, PILLOW_OPENJPEG
from preservation.rasters.decoding import Room, refuse_beyond, whole
from preservation.rasters.facts import StatedFacts, image_facts
from preservation.rasters.inventory.jp2 import inventory_of_jp2
from preservation.rasters.jp2 import (
    GREY,
    SRGB,
    SYCC,
    Codestream,
    Wrapping,
    read_codestream,
    read_wrapping,
)
from preservation.rasters.jp2_structure import fault_of
from preservation.rasters.pillow import PillowRaster, samples_of
from preservation.rasters.raster import Colour, Companions, Extra, Raster, Samples

_MUCH = 150_000_000
"""Pixels beyond which 32 bits a sample are too many to be held at once."""


def jp2_by_pillow(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a JP2 or a bare codestream: Pillow decodes 8 bits, imagecodecs any others.

    Raises ``UnacceptableContentError`` where samples would change.
    """
    codestream, wrapping = read_codestream(stream), read_wrapping(stream)
    arrangement = _arrangement(codestream, wrapping)
    if set(codestream.depths) == {8} and not codestream.signed and arrangement.is_plain:
        return PillowRaster(stream, pixel_limit, samples_of, _companions(stream), PILLOW_OPENJPEG)
    return _by_imagecodecs(stream, pixel_limit, codestream, wrapping)


def jp2_by_imagecodecs(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a JP2 or a bare codestream: imagecodecs decodes what it can, Pillow the rest of 8 bits.

    Raises ``UnacceptableContentError`` where samples would change, or where tiles are missing.
    """
    if (fault := fault_of(stream)) is not None:
        raise UnacceptableContentError(fault)
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


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """Which component is which colour, and what the others are."""

    order: tuple[int, ...]
    colour: Colour
    extras: tuple[Extra, ...]

    @property
    def is_plain(self) -> bool:
        """Say whether colours come in order and nothing but transparency behind them, as Pillow takes it."""
        return self.order == tuple(range(len(self.order))) and self.extras in {(), (Extra.ALPHA,)}


_OF_TYPE = {0: None, 1: Extra.ALPHA, 2: Extra.PREMULTIPLIED_ALPHA, 0xFFFF: Extra.UNSPECIFIED}
_OF_THE_WHOLE, _OF_NOTHING = 0, 0xFFFF


def _arrangement(codestream: Codestream, wrapping: Wrapping) -> _Arrangement:
    """Return how the components are arranged (annex I.5.3.6).

    Raises ``UnacceptableContentError`` where that is of a kind that is not migrated.
    """
    colour_space = wrapping.colour
    if isinstance(colour_space, int) and colour_space not in {0, GREY, SRGB, SYCC}:
        raise UnacceptableContentError(f"its colours are of a kind that is not migrated ({colour_space})")
    components = len(codestream.depths)
    if wrapping.palette:
        if wrapping.channels:
            raise UnacceptableContentError("its palette has channels of a kind that is not migrated")
        return _Arrangement(tuple(range(components)), Colour.RGB, ())
    colour = Colour.GREY if components <= Colour.GREY.bands + 1 else Colour.RGB
    stated = {GREY: Colour.GREY, SRGB: Colour.RGB}
    if isinstance(colour_space, int) and stated.get(colour_space, colour) is not colour:
        raise UnacceptableContentError(f"its {components} components do not fit its colour space")
    if not wrapping.channels:
        extras = (Extra.UNSPECIFIED,) * (components - colour.bands)
        return _Arrangement(tuple(range(components)), colour, extras)
    colours: dict[int, int] = {}
    others: list[tuple[int, Extra]] = []
    for channel, kind, belongs_to in wrapping.channels:
        extra = _OF_TYPE.get(kind, Extra.UNSPECIFIED)
        if extra is None:
            colours[belongs_to] = channel
        elif belongs_to in {_OF_THE_WHOLE, _OF_NOTHING}:
            others.append((channel, extra))
        else:
            raise UnacceptableContentError("its transparency is of single colours")
    order = (*(colours[one] for one in sorted(colours)), *(channel for channel, _ in others))
    if sorted(colours) != list(range(1, colour.bands + 1)) or sorted(order) != list(range(components)):
        raise UnacceptableContentError("its channel definitions do not fit its components")
    return _Arrangement(order, colour, tuple(extra for _, extra in others))


def _by_imagecodecs(stream: BinaryIO, pixel_limit: int, codestream: Codestream, wrapping: Wrapping) -> Raster:
    depths = sorted(set(codestream.depths))
    if codestream.signed or not (depths in ([8], [16]) or codestream.depths == (1,)):
        raise UnacceptableContentError(
            f"its samples of {', '.join(map(str, depths))} bits are not carried over exactly"
        )
    if not _is_plain(codestream, wrapping):
        raise UnacceptableContentError("its colours are of a kind that is not migrated")
    arrangement = _arrangement(codestream, wrapping)
    refuse_beyond(pixel_limit, codestream.columns, codestream.rows)

    def decode(_: ImageFile.ImageFile) -> Samples:
        # Without its boxes: imagecodecs would convert the samples by the profile that lies in them.
        values = np.asarray(jpeg2k_decode(whole(stream)[codestream.at :]))
        if codestream.depths == (1,):
            return Samples(values.astype(np.bool_), Colour.BILEVEL)
        if values.shape[2:] and arrangement.order != tuple(range(len(arrangement.order))):
            values = np.ascontiguousarray(values[..., list(arrangement.order)])
        return Samples(values, arrangement.colour, arrangement.extras)

    return PillowRaster(stream, pixel_limit, decode, _companions(stream), OPENJPEG)


def _is_plain(codestream: Codestream, wrapping: Wrapping) -> bool:
    known = isinstance(wrapping.colour, bytes) or wrapping.colour in {0, GREY, SRGB}
    few = len(codestream.depths) <= Colour.RGB.bands + 1
    return known and few and not wrapping.palette and not codestream.subsampled


def _companions(stream: BinaryIO) -> Companions:
    return inventory_of_jp2(stream).companions()
