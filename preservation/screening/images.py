"""The job that examines one raster image, in a caged worker: decodes it to the last pixel of the last frame.

Decoders load their parts when they are first needed, which a worker that has become ``nobody`` may no
longer be able to do; so everything is loaded when this module is.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import msgspec
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from preservation.errors import reason_of
from preservation.model.screening import ImageFacts
from preservation.rasters import jp2_raster, structure, tiff_strips
from preservation.rasters.decoding import Room, TooMuchError
from preservation.rasters.facts import facts_of, stored_in
from preservation.rasters.families import Family
from preservation.screening import thumbnails
from preservation.screening.reports import ImageReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

Image.init()
tiff_strips.load_codecs()
# The size of an image is held against the memory there is, by ``Room``.
Image.MAX_IMAGE_PIXELS = None

_PILLOW_FORMATS = {
    Family.TIFF: ("TIFF",), Family.JPEG: ("JPEG", "MPO"), Family.PNG: ("PNG",), Family.GIF: ("GIF",),
    Family.BMP: ("BMP",), Family.JPEG_2000: ("JPEG2000",), Family.WEBP: ("WEBP",), Family.AVIF: ("AVIF",),
    Family.PORTABLE_ANYMAP: ("PPM",), Family.PHOTOSHOP: ("PSD",), Family.TARGA: ("TGA",),
    Family.PCX: ("PCX",), Family.SILICON_GRAPHICS: ("SGI",), Family.ICON: ("ICO",),
}  # fmt: skip

_OF_SEVERAL_FRAMES = frozenset({
    Family.TIFF, Family.JPEG, Family.PNG, Family.GIF, Family.WEBP, Family.AVIF,
})  # fmt: skip

_COMPRESSION_TAG, _SUBFILE_TYPE_TAG = 259, 254
_BEYOND_PILLOW = frozenset({50001})
"""WebP inside TIFF: Pillow opens it, and its libtiff has no decoder for it."""

_SHOWN_IN_PART = frozenset({Family.TIFF, Family.JPEG, Family.PNG})
_SECONDS_BEFORE_PART = 10.0
"""Where finding the damage took longer, a second decoding might reach the limit; no picture is worth that."""

_TRUNCATED = "image file is truncated"
"""How Pillow begins to say that a file ended in the midst of its pixels."""

_NO_WORD_ON_THE_PIXELS = (
    TooMuchError, NotImplementedError, UnidentifiedImageError, SyntaxError, KeyError,
)  # fmt: skip
"""What Pillow raises about TIFFs that it has no mode for: it has not looked at a pixel yet."""


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Decode the input, as ``family``, within ``memory`` bytes; write a thumbnail to the output, if any."""
    stream = inputs[0]
    family = Family(arguments["family"])
    room = Room(int(arguments["memory"]), stream.seek(0, 2))
    fault = structure.fault_of(family, stream)
    thumbnail = b""
    began = time.process_time()
    try:
        facts, thumbnail = _decode(stream, family, room, shown=bool(outputs))
        report = ImageReport(facts)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  decoders raise whatever they like about damaged images
        report = _second_decoding(stream, family, room, error)
    is_part = False
    if outputs and report.fault is not None and time.process_time() - began < _SECONDS_BEFORE_PART:
        thumbnail = _decodable_part(stream, family, room)
        is_part = bool(thumbnail)
    # Written here, so that a full disk is not taken for a damaged image.
    for output in outputs:
        output.write(thumbnail)
    fault = fault or report.fault
    return msgspec.to_builtins(
        msgspec.structs.replace(report, fault=fault, has_thumbnail=bool(thumbnail), is_part_shown=is_part)
    )


def _decode(stream: BinaryIO, family: Family, room: Room, *, shown: bool) -> tuple[ImageFacts, bytes]:
    """Decode every frame with Pillow; return the facts, and a thumbnail of the first if it is to be shown."""
    stored = stored_in(stream, family)
    stream.seek(0)
    with Image.open(stream, formats=_PILLOW_FORMATS[family]) as image:
        if family is Family.TIFF and image.tag_v2.get(_COMPRESSION_TAG) in _BEYOND_PILLOW:  # type: ignore[attr-defined]  # TIFF images have it
            raise NotImplementedError("a compression that Pillow's libtiff is built without")
        room.require_for(image)
        image.load()
        facts = facts_of(image, family, stored)
        thumbnail = thumbnails.of(image, facts.orientation) if shown else b""
        only_copies = _is_copy(image)
        frames = 1
        while family in _OF_SEVERAL_FRAMES and _go_to(image, frames):
            room.require_for(image)
            image.load()
            frames += 1
            if shown and only_copies and not _is_copy(image):
                only_copies = False
                thumbnail = thumbnails.of(image, image.getexif().get(ExifTags.Base.Orientation))
    return replace(facts, frames=frames), thumbnail


def _second_decoding(stream: BinaryIO, family: Family, room: Room, first: Exception) -> ImageReport:
    """Ask another decoder where Pillow's report need not be the last."""
    is_too_much = isinstance(first, TooMuchError)
    report = ImageReport(too_much=str(first)) if is_too_much else ImageReport(fault=_reason(first))
    if family is Family.JPEG_2000:
        decode = jp2_raster.decode_wholly
    elif family is Family.TIFF and isinstance(first, _NO_WORD_ON_THE_PIXELS):
        decode = tiff_strips.decode
    else:
        return report
    try:
        return ImageReport(decode(stream, room))
    except NOT_ABOUT_CONTENT:
        raise
    except TooMuchError as error:
        return ImageReport(too_much=str(error))
    except NotImplementedError as error:
        return ImageReport(unsupported=str(error))
    except Exception as error:  # noqa: BLE001  the second decoder raises whatever it likes, too
        # Pillow's reason is plainer, if it has one about the image itself.
        return ImageReport(fault=_reason(error)) if report.fault is None else report


def _decodable_part(stream: BinaryIO, family: Family, room: Room) -> bytes:
    """Return a thumbnail of what can be decoded of a damaged image; empty where nothing can be shown.

    It changes no finding: whatever goes wrong here says nothing of the image.
    """
    if family not in _SHOWN_IN_PART:
        return b""
    # Of Pillow's whole process, which examines one image at a time.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        stream.seek(0)
        with Image.open(stream, formats=_PILLOW_FORMATS[family]) as image:
            room.require_for(image)
            with suppress(OSError):
                image.load()
            # What libtiff decoded before it failed stands in the image; nothing more is to be loaded.
            image.tile = []
            if _is_uniform(image):
                return b""
            return thumbnails.of(image, image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # noqa: BLE001  see above
        return b""
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _is_uniform(image: Image.Image) -> bool:
    """Return whether all pixels are alike, as those are that were never decoded: black, or JPEG's grey."""
    return all(len(set(image.getchannel(band).getextrema())) == 1 for band in image.getbands())


def _is_copy(image: ImageFile.ImageFile) -> bool:
    """Return whether the frame is a smaller copy of another (TIFF 6.0, NewSubfileType)."""
    return bool(getattr(image, "tag_v2", {}).get(_SUBFILE_TYPE_TAG, 0) & 1)


def _go_to(image: Image.Image, frame: int) -> bool:
    try:
        image.seek(frame)
    except EOFError:
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its beginning is damaged, or is not that of such an image"
    reason = reason_of(error)
    # How many bytes of a last piece were left over says nothing to people.
    return "the file ends before the image does" if reason.startswith(_TRUNCATED) else reason
