"""The job that examines one raster image, in a caged worker: decodes it to the last pixel of all pictures.

Decoders load their parts when they are first needed, which a worker that has become ``nobody`` may no
longer be able to do; so everything is loaded when this module is.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import msgspec
from PIL import ExifTags, Image, ImageFile

from preservation.errors import UnacceptableContentError
from preservation.model.page_facts import TagName
from preservation.rasters import jp2_raster, structure, tiff_strips
from preservation.rasters.decoding import Room, TooMuchError
from preservation.rasters.facts import facts_of, stored_in
from preservation.rasters.families import Family
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.page_facts import stated_pages
from preservation.screening import jp2_images, jpeg_images, thumbnails, tiff_images
from preservation.screening.programs import Decoder
from preservation.screening.reports import ImageReport
from preservation.screening.sighting import Sighting, Wanted, bytes_behind, is_about_support, sentence_of
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

_OF_SEVERAL_FRAMES = frozenset({Family.JPEG, Family.PNG, Family.GIF, Family.WEBP, Family.AVIF})

_SHOWN_IN_PART = frozenset({Family.TIFF, Family.JPEG, Family.PNG})
_SECONDS_BEFORE_PART = 10.0
"""Where finding the damage took longer, a second decoding might reach the limit; no picture is worth that."""


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Decode the input, as ``family``, within ``memory`` bytes; write a thumbnail to the output, if any.

    With ``measured`` pages are measured; with ``tags``, names of tags, it is reported what they state.
    """
    stream = inputs[0]
    family = Family(arguments["family"])
    room = Room(int(arguments["memory"]), stream.seek(0, 2))
    skeleton = structure.skeleton_of(family, stream)
    began = time.process_time()
    found = Sighting(wanted=Wanted(thumbnail=bool(outputs), measures=bool(arguments.get("measured"))))
    report = ImageReport()
    try:
        if not skeleton.is_empty:
            _see(stream, family, room, found)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  decoders raise whatever they like about damaged images
        report = _second_decoding(stream, family, room, error)
    fault = skeleton.fault or found.fault or report.fault
    if (fault or found.later) and skeleton.fault is None:
        room.rule_out_shortage()
    thumbnail = found.thumbnail
    if outputs and fault is not None and not thumbnail and time.process_time() - began < _SECONDS_BEFORE_PART:
        thumbnail = _decodable_part(stream, family, room)
    facts = found.facts or report.facts
    stated = None
    if arguments.get("tags") is not None:
        stated = stated_pages(stream, family, facts, [TagName(name) for name in arguments["tags"]])
    # Written here, so that a full disk is not taken for a damaged image.
    for output in outputs:
        output.write(thumbnail)
    return msgspec.to_builtins(
        msgspec.structs.replace(
            report,
            facts=facts,
            stated=stated,
            measures=tuple(found.measures),
            unmeasured=found.unmeasured,
            shown=found.shown,
            fault=fault,
            decoder=found.decoder if report.decoder == "pillow" else report.decoder,
            later=found.later or report.later,
            profile=skeleton.profile_fault or found.profile,
            imperfect=skeleton.imperfect or found.imperfect,
            notes=(*_notes_on(skeleton, fault), *found.notes),
            has_thumbnail=bool(thumbnail),
            is_part_shown=bool(thumbnail) and fault is not None,
        )
    )


def _notes_on(skeleton: structure.Skeleton, fault: str | None) -> Sequence[str]:
    if fault is not None:
        return ()
    if skeleton.is_empty:
        return ("holds no picture",)
    return (bytes_behind(skeleton.behind),) if skeleton.behind else ()


def _see(stream: BinaryIO, family: Family, room: Room, found: Sighting) -> None:
    """Decode all that is in the image, once, by whichever decoder is the strictest about it."""
    if family is Family.TIFF:
        tiff_images.see(stream, room, found)
        return
    see = {Family.JPEG: jpeg_images.see, Family.JPEG_2000: jp2_images.see}.get(family)
    if see is not None:
        found.decoder = "simplejpeg" if family is Family.JPEG else "imagecodecs"
        with suppress(NotImplementedError):
            see(stream, room, found)
            return
        found.decoder = "pillow"
    _see_by_pillow(stream, family, room, found)


def _see_by_pillow(stream: BinaryIO, family: Family, room: Room, found: Sighting) -> None:
    """Decode every frame with Pillow; find the facts, and make of the first what is wanted."""
    stored = stored_in(stream, family)
    stream.seek(0)
    with Image.open(stream, formats=_PILLOW_FORMATS[family]) as image:
        room.require_for(image)
        image.load()
        facts = facts_of(image, family, stored)
        found.imperfect = found.imperfect or _fault_of_indices(image)
        profile = image.info.get("icc_profile")
        found.profile = found.profile or (fault_of_profile(profile) if profile else None)
        found.show(image, facts.orientation, 1)
        frames = 1
        try:
            while family in _OF_SEVERAL_FRAMES and _go_to(image, frames):
                room.require_for(image)
                image.load()
                frames += 1
        except (TooMuchError, *NOT_ABOUT_CONTENT):
            raise
        except Exception as error:  # noqa: BLE001  as above
            found.blame(frames, sentence_of(error))
    found.facts = replace(facts, frames=frames)


def _fault_of_indices(image: Image.Image) -> str | None:
    """Say whether pixels of a picture with a table of colours point beyond that table."""
    if image.mode != "P" or image.palette is None:
        return None
    colours = len(image.palette.palette) // len(image.palette.mode)
    beyond = image.histogram()[colours:]
    if not any(beyond):
        return None
    return f"pixels of it have colours that its table of {colours} colours does not have"


def _second_decoding(stream: BinaryIO, family: Family, room: Room, first: Exception) -> ImageReport:
    """Ask another decoder where Pillow's report need not be the last."""
    if isinstance(first, TooMuchError):
        report = ImageReport(too_much=str(first))
    elif is_about_support(first):
        report = ImageReport(unsupported=f"a rare kind of {family}")
    else:
        report = ImageReport(fault=sentence_of(first))
    if family is Family.JPEG_2000:
        decode = jp2_raster.decode_wholly
    elif family is Family.TIFF and (
        isinstance(first, tiff_images.NO_WORD_ON_THE_PIXELS) or is_about_support(first)
    ):
        decode = tiff_strips.decode
    else:
        return report
    decoder: Decoder = "imagecodecs" if family is Family.JPEG_2000 else "tifffile"
    try:
        return ImageReport(decode(stream, room), decoder=decoder)
    except NOT_ABOUT_CONTENT:
        raise
    except TooMuchError as error:
        return ImageReport(too_much=str(error))
    except UnacceptableContentError as error:
        return ImageReport(fault=str(error))
    except Exception as error:  # noqa: BLE001  the second decoder raises whatever it likes, too
        if is_about_support(error):
            return ImageReport(unsupported=f"a rare kind of {family}")
        # Pillow's reason is plainer, if it has one about the image itself.
        return ImageReport(fault=sentence_of(error), decoder=decoder) if report.fault is None else report


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


def _go_to(image: Image.Image, frame: int) -> bool:
    try:
        image.seek(frame)
    except EOFError:
        return False
    return True
