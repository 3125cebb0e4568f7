"""JPEGs decoded once, strictly: the picture, and those behind it, such as a stereo pair's or a gain map."""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from preservation.errors import UnacceptableContentError
from preservation.model.screening import ImageFacts
from preservation.rasters import jpeg, jpeg_segments
from preservation.rasters.decoding import Room, whole
from preservation.rasters.facts import StatedFacts, facts_of, image_facts
from preservation.rasters.families import Family
from preservation.rasters.jpeg_segments import Content, JpegSegments
from preservation.screening.sighting import ENDS_EARLY, Sighting, bytes_behind, is_about_support, sentence_of
from preservation.tools.work import NOT_ABOUT_CONTENT

_MOST_BEHIND = 100
_FILM = b"ftyp"
_PADDING = b"\0\r\n "


def see(stream: BinaryIO, room: Room, found: Sighting) -> None:
    """Decode all pictures in the file; add to ``found`` what is seen.

    Raises ``NotImplementedError`` where the first is for another decoder, and ``TooMuchError``.
    """
    content = whole(stream)
    if content[:2] != jpeg_segments.START:
        raise UnidentifiedImageError
    first = jpeg_segments.segments_of(content)
    found.profile = first.profile_fault
    if first.columns and first.rows:
        room.require(first.columns, first.rows, 4)
    if first.process is None:
        found.fault = ENDS_EARLY if first.end is None else "it holds no picture"
    elif first.is_everyday:
        _see_everyday(stream, content, first, found)
    else:
        _see_special(content, first, found)
    _see_others(content, first, room, found)


def _see_everyday(stream: BinaryIO, content: Content, segments: JpegSegments, found: Sighting) -> None:
    if segments.has_junk:
        found.imperfect = "there are bytes between its segments that belong to none"
    least = found.wanted.least(segments.columns, segments.rows)
    try:
        pixels = jpeg.decode(segments.decodable(content), segments.components, least)
    except UnacceptableContentError as fault:
        found.fault = str(fault)
        return
    stream.seek(0)
    with Image.open(stream, formats=("JPEG", "MPO")) as image:
        found.facts = replace(facts_of(image, Family.JPEG, StatedFacts()), frames=1 + len(segments.pictures))
        if found.wanted:
            # Adobe's, which are all that there are, hold inks inverted.
            picture = Image.fromarray(255 - pixels, "CMYK") if segments.components == 4 else _drawn(pixels)  # noqa: PLR2004
            picture.info.update(image.info)
            found.show(picture, found.facts.orientation, 1)


def _drawn(pixels: jpeg.Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _see_special(content: Content, segments: JpegSegments, found: Sighting) -> None:
    """Have another decoder look: 12 bits, lossless, arithmetic coding. Of what it warns is not heard."""
    try:
        jpeg.decode_special(content)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:
        if is_about_support(error):
            raise NotImplementedError(_kind_of(segments)) from error
        found.fault = sentence_of(error)
        return
    if segments.end is None:
        found.fault = ENDS_EARLY
        return
    found.facts = _stated(segments)


def _kind_of(segments: JpegSegments) -> str:
    return f"JPEG of {segments.bits} bits, process {segments.process}"


def _stated(segments: JpegSegments) -> ImageFacts:
    colours = {1: "L", 3: "RGB", 4: "CMYK"}.get(segments.components, f"{segments.components} components")
    return image_facts(
        (segments.columns, segments.rows), f"{colours};{segments.bits}", StatedFacts(segments.bits, "JPEG")
    )


def _see_others(content: Content, first: JpegSegments, room: Room, found: Sighting) -> None:
    """Decode the pictures behind the first; note what lies behind the last that is none."""
    end = first.end
    for number, (at, size) in enumerate(_others(content, first), 1):
        if at + size > len(content):
            found.blame(number, ENDS_EARLY)
            return
        if at < (end or 0):
            found.blame(number, "it lies within another one")
            return
        part = content[at : at + size]
        segments = jpeg_segments.segments_of(part)
        end = max(end or 0, at + (segments.end or size))
        if part[:2] != jpeg_segments.START or segments.process is None:
            found.blame(number, "it is not where the file says that it is")
            continue
        room.require(max(1, segments.columns), max(1, segments.rows), 4)
        try:
            jpeg.decode(part, segments.components)
        except UnacceptableContentError as fault:
            found.blame(number, str(fault))
        except NotImplementedError:
            found.notes.append(f"has a picture {number + 1} that was not looked at: {_kind_of(segments)}")
    if end is not None and (rest := len(content) - end) and content[end : end + _MOST_BEHIND].strip(_PADDING):
        what = ", a film, as phones write it" if content[end + 4 : end + 8] == _FILM else ""
        found.notes.append(bytes_behind(rest, what))


def _others(content: Content, first: JpegSegments) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each picture that the index names, then of each that follows without one."""
    yield from first.pictures
    indexed = {at for at, _ in first.pictures}
    at = first.end
    for _ in range(_MOST_BEHIND):
        if at is None or at in indexed or content[at : at + 3] != b"\xff\xd8\xff":
            return
        end = jpeg_segments.segments_of(content, at).end
        yield at, (end or len(content)) - at
        at = end
