"""TIFFs that Pillow cannot show, decoded strip by strip with tifffile and imagecodecs.

Only one strip or tile is held at a time, so a map of several gigabytes takes no more memory than one of
its tiles.
"""

import contextlib
from typing import BinaryIO

import imagecodecs
import tifffile

from preservation.errors import UnacceptableContentError
from preservation.model.compressions import TIFF_COMPRESSIONS
from preservation.model.screening import ImageFacts
from preservation.rasters.decoding import Room
from preservation.rasters.facts import image_facts, stored_in
from preservation.rasters.families import Family


def load_codecs() -> None:
    """Import every codec that TIFF names; both libraries would otherwise do so when one is first needed."""
    for compression in TIFF_COMPRESSIONS:
        # Some need a library that is not built in; files that need one cannot be decoded here.
        with contextlib.suppress(KeyError, ImportError):
            tifffile.TIFF.DECOMPRESSORS[compression]
    for predictor in tifffile.PREDICTOR:
        with contextlib.suppress(KeyError, ImportError):
            tifffile.TIFF.UNPREDICTORS[predictor]
    for late in ("jpeg8_decode", "ljpeg_decode", "packints_decode", "bitorder_decode", "float24_decode"):
        getattr(imagecodecs, late)


def decode(stream: BinaryIO, room: Room) -> ImageFacts:
    """Decode every strip and tile of every page; return the facts about the first page.

    Raises ``TooMuchError``, or whatever tifffile raises about a file that it cannot decode.
    """
    stored = stored_in(stream, Family.TIFF)
    stream.seek(0)
    with tifffile.TiffFile(stream, name="image.tif") as tiff:
        seen: set[int] = set()
        for page in tiff.pages:
            if page.offset in seen:
                raise UnacceptableContentError("its pages go round in a circle")
            seen.add(page.offset)
            _decode_page(page.aspage(), room)
        if not seen:
            raise UnacceptableContentError("it has no pages")
        first = tiff.pages.first
        return image_facts((first.imagewidth, first.imagelength), _mode_of(first), stored, len(seen))


def _decode_page(page: tifffile.TiffPage, room: Room) -> None:
    if page.dtype is None:
        raise UnacceptableContentError("its samples are of no known kind")
    segment_length, segment_width = (
        (page.tilelength, page.tilewidth)
        if page.is_tiled
        else (min(page.rowsperstrip, page.imagelength), page.imagewidth)
    )
    end = page.parent.filehandle.size
    if any(at + length > end for at, length in zip(page.dataoffsets, page.databytecounts, strict=False)):
        raise UnacceptableContentError("some of its image data lies beyond its end")
    room.require(segment_width, segment_length, page.samplesperpixel * page.dtype.itemsize)
    for segment, _, _ in page.segments(maxworkers=1):
        del segment


def _mode_of(page: tifffile.TiffPage) -> str:
    kind = "F" if page.dtype is not None and page.dtype.kind == "f" else ""
    return f"{tifffile.PHOTOMETRIC(page.photometric).name};{page.bitspersample}{kind}"
