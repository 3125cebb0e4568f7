"""JPEG 2000 decoded once, and OpenJPEG listened to: of much damage it only warns."""

import mmap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from imagecodecs import jpeg2k_decode
from numpy.typing import NDArray
from PIL import Image

from preservation.errors import UnacceptableContentError
from preservation.rasters import jp2_structure, overheard
from preservation.rasters.decoding import OVERWRITTEN, Room, whole
from preservation.rasters.facts import facts_of, stored_in
from preservation.rasters.families import Family
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.jp2 import GREY, SRGB, read_codestream, read_wrapping
from preservation.rasters.reduction import reduced
from preservation.screening.sighting import Sighting, Wanted, is_about_support, sentence_of
from preservation.tools.work import NOT_ABOUT_CONTENT

_DRAWABLE = ({8}, {16})


def see(stream: BinaryIO, room: Room, found: Sighting) -> None:
    """Decode every codestream in the file; add to ``found`` what is seen.

    Raises ``NotImplementedError`` where the first is for another decoder, and ``TooMuchError``.
    """
    codestream = read_codestream(stream)
    try:
        wrapping = read_wrapping(stream)
    except UnacceptableContentError:
        wrapping = None
    # OpenJPEG holds every sample in four bytes, whatever its depth; then come the samples themselves.
    room.require(codestream.columns, codestream.rows, len(codestream.depths) * 5)
    content = whole(stream)
    places = jp2_structure.codestreams_in(stream)
    if wrapping is not None and isinstance(wrapping.colour, bytes):
        found.profile = fault_of_profile(wrapping.colour)
    pixels = _decode(content, places[0], 0, found)
    for number, (at, size) in enumerate(places[1:], 1):
        fault = jp2_structure.fault_of_codestream(stream, at, size)
        if fault is not None:
            found.blame(number, fault)
        else:
            _decode(content, (at, size), number, found)
    if found.fault is not None:
        return
    is_plain = (
        wrapping is not None
        and set(codestream.depths) in _DRAWABLE
        and not (codestream.signed or codestream.subsampled or wrapping.palette)
        and (isinstance(wrapping.colour, bytes) or wrapping.colour in {0, GREY, SRGB})
    )
    if pixels is None or not is_plain or len(codestream.depths) > 4:  # noqa: PLR2004  red, green, blue, alpha
        raise NotImplementedError
    stream.seek(0)
    with Image.open(stream, formats=("JPEG2000",)) as image:
        facts = facts_of(image, Family.JPEG_2000, stored_in(stream, Family.JPEG_2000))
        found.facts = replace(facts, frames=len(places))
        if found.wanted:
            found.show(_drawn(pixels, image.info, found.wanted), facts.orientation, 1)


def _decode(
    content: mmap.mmap | bytes, place: tuple[int, int], number: int, found: Sighting
) -> NDArray[Any] | None:
    """Decode one codestream; note what OpenJPEG warns of. ``None`` where it cannot be decoded here."""
    at, size = place
    pixels = None
    with overheard.in_log("imagecodecs") as said:
        try:
            pixels = np.asarray(jpeg2k_decode(_part(content, at, size), verbose=overheard.OF_OPENJPEG))
        except NOT_ABOUT_CONTENT:
            raise
        except Exception as error:  # noqa: BLE001  whatever it raises, Pillow is asked as well
            if number and not is_about_support(error):
                found.blame(number, sentence_of(error))
    if jp2_structure.is_damage(said, content, at, size):
        found.blame(number, OVERWRITTEN)
    elif any(map(jp2_structure.ABOUT_PACKETS.search, said)):
        found.imperfect = "some of its packets lack the marker that others begin with"
    return pixels


def _part(content: mmap.mmap | bytes, at: int, size: int) -> mmap.mmap | bytes:
    return content if (at, size) == (0, len(content)) else content[at : at + size]


def _drawn(pixels: NDArray[Any], info: Mapping[Any, Any], wanted: Wanted) -> Image.Image:
    picture = Image.fromarray(reduced(pixels, wanted.factor(pixels.shape[1], pixels.shape[0])))
    picture.info.update(info)
    return picture
