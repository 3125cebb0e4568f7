"""TIFFs decoded once, page by page, by whichever decoder is the strictest about its compression.

============================  ====================================  ========================================
compression                   decoded by                            because
============================  ====================================  ========================================
JPEG                          libjpeg-turbo, strip by strip         libtiff only warns of damage in it
CCITT (fax)                   libtiff, which is listened to         it says what is damaged, and goes on
none, LZW, Deflate, PackBits  libtiff, which is listened to         it compares zlib's checksum
others, and rare kinds        Pillow; then segment by segment       Pillow knows more kinds
pictures below pages          segment by segment                    no decoder of pages goes there
============================  ====================================  ========================================
"""

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from preservation.errors import UnacceptableContentError
from preservation.rasters import jpeg, overheard, tiff_decoding, tiff_segments
from preservation.rasters.decoding import Room, TooMuchError, whole
from preservation.rasters.facts import facts_of, stored_in
from preservation.rasters.families import Family
from preservation.rasters.jpeg_segments import Content
from preservation.rasters.reduction import reduced
from preservation.rasters.tiff_fields import DirectoryReader
from preservation.rasters.tiff_segments import SegmentedPage
from preservation.screening.sighting import (
    DAMAGED_DATA,
    ENDS_EARLY,
    Sighting,
    Wanted,
    is_about_support,
    sentence_of,
)
from preservation.tools.work import NOT_ABOUT_CONTENT

_WEBP = 50001
"""Pillow opens such a TIFF, and its libtiff has no decoder for it."""

NO_WORD_ON_THE_PIXELS = (
    TooMuchError, NotImplementedError, UnidentifiedImageError, SyntaxError, KeyError,
)  # fmt: skip
"""What Pillow raises about TIFFs that it has no mode for: it has not looked at a pixel yet."""

_DRAWABLE = {"L": 1, "I;16": 1, "I;16B": 1, "RGB": 3, "RGBA": 4}
"""Pillow's modes whose pixels are libtiff's samples, and how many these are."""

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_ADOBE_RGB = bytes.fromhex("ffee000e41646f6265006400000000") + b"\0"
"""The segment that says of a JPEG's three components that they are red, green and blue."""


def see(stream: BinaryIO, room: Room, found: Sighting) -> None:
    """Decode every page, and every picture below one; add to ``found`` what is seen.

    Raises one of ``NO_WORD_ON_THE_PIXELS`` where this does not know what the pages are.
    """
    stored = stored_in(stream, Family.TIFF)
    pages: list[SegmentedPage] = []
    below: list[SegmentedPage] = []
    try:
        for page, is_below in tiff_segments.pages_in(DirectoryReader(stream)):
            (below if is_below else pages).append(page)
            found.profile = found.profile or page.profile_fault
    except UnacceptableContentError as fault:
        found.blame(max(0, len(pages) - 1), str(fault))
    # A smaller copy may lie before the picture that it is of.
    shown_number = next((number for number, page in enumerate(pages) if not page.is_copy), 0)
    stream.seek(0)
    with overheard.on_stderr() as said, Image.open(stream, formats=("TIFF",)) as image:
        if image.tag_v2.get(tiff_segments.COMPRESSION) == _WEBP:  # type: ignore[attr-defined]  # TIFF images have it
            raise NotImplementedError
        for number, page in enumerate(pages):
            is_shown = (found.wanted.thumbnail and number == shown_number) or (
                found.wanted.measures and (number == shown_number or not page.is_copy)
            )
            picture = _see_page(image, page, stream, number, room, said, found, shown=is_shown)
            if picture is None:
                break
            if number == 0:
                found.facts = replace(facts_of(image, Family.TIFF, stored), frames=len(pages))
            if is_shown:
                if picture is not image:
                    picture.info.update(image.info)
                kind = "bilevel" if page.bits == 1 else ""
                found.show(picture, image.getexif().get(ExifTags.Base.Orientation), number + 1, kind=kind)
    _see_below(stream, below, len(pages), found)


def _see_page(
    image: Image.Image,
    page: SegmentedPage,
    stream: BinaryIO,
    number: int,
    room: Room,
    said: overheard.Overheard,
    found: Sighting,
    *,
    shown: bool,
) -> Image.Image | None:
    """Decode a page; return what can be shown of it, or ``None`` where it is damaged."""
    try:
        image.seek(number)
        room.require_for(image)
        wanted = found.wanted if shown else Wanted()
        picture = _decoded(image, page, stream, number, room, wanted)
    except (*NOT_ABOUT_CONTENT, *NO_WORD_ON_THE_PIXELS):
        raise
    except UnacceptableContentError as fault:
        found.blame(number, str(fault))
    except Exception as error:
        if is_about_support(error):
            raise NotImplementedError from error
        found.blame(number, sentence_of(error))
    else:
        if not said.take():
            return picture
        found.blame(number, f"{DAMAGED_DATA}: lines of the page cannot be decoded")
    return None


def _see_below(stream: BinaryIO, below: list[SegmentedPage], first: int, found: Sighting) -> None:
    for number, page in enumerate(below, first):
        try:
            tiff_segments.check(stream, page)
        except NOT_ABOUT_CONTENT:
            raise
        except UnacceptableContentError as fault:
            found.blame(number, str(fault))
        except Exception as error:  # noqa: BLE001  codecs raise whatever they like about damaged segments
            if not is_about_support(error):
                found.blame(number, sentence_of(error))


def _decoded(
    image: Image.Image, page: SegmentedPage, stream: BinaryIO, frame: int, room: Room, wanted: Wanted
) -> Image.Image:
    """Decode the page that ``image`` stands at; return what can be shown of it."""
    content = whole(stream)
    is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    if page.compression == tiff_segments.JPEG and is_upright and _is_everyday_jpeg(page):
        return _from_jpeg(image, page, content, wanted)
    if page.compression == tiff_segments.OLD_JPEG and _fits(image, room, 8):
        pixels = tiff_decoding.decode(content, frame, as_rgb=True)
        if is_upright:
            return _from_samples(pixels[..., :3], wanted) if wanted else image
    if page.compression in tiff_segments.FAX and _fits(image, room, 2):
        pixels = tiff_decoding.decode(content, frame)
        if is_upright and pixels.shape == (image.height, image.width):
            is_inverted = page.photometric == _WHITE_IS_ZERO
            return _from_samples(pixels, wanted, inverted=is_inverted) if wanted else image
    if page.compression in tiff_segments.SIMPLE and is_upright and _is_drawable(image, page):
        pixels = tiff_decoding.decode(content, frame)
        if pixels.shape[:2] == (image.height, image.width):
            if page.compression in tiff_segments.DEFLATE and not tiff_segments.has_checksums_of(
                page, pixels, content
            ):
                tiff_segments.check(stream, page)
            is_inverted = page.photometric == _WHITE_IS_ZERO
            return _from_samples(pixels, wanted, inverted=is_inverted) if wanted else image
    image.load()
    if page.compression not in tiff_segments.FAX:
        tiff_segments.check(stream, page)
    return image


def _fits(image: Image.Image, room: Room, bytes_per_pixel: int) -> bool:
    try:
        room.require(image.width, image.height, bytes_per_pixel)
    except TooMuchError:
        return False
    return True


def _is_drawable(image: Image.Image, page: SegmentedPage) -> bool:
    return (
        _DRAWABLE.get(image.mode) == page.samples
        and page.bits in {8, 16}
        and not page.is_in_planes
        and page.photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB}
    )


def _from_samples(pixels: NDArray[Any], wanted: Wanted, *, inverted: bool = False) -> Image.Image:
    """Return a picture of so few of the pixels as what is wanted can be made of."""
    factor = wanted.factor(pixels.shape[1], pixels.shape[0])
    if wanted.measures:
        pixels = reduced(pixels, factor)
    else:
        step = max(1, factor // 2)
        pixels = reduced(np.ascontiguousarray(pixels[::step, ::step]), 1)
    return Image.fromarray(np.invert(pixels) if inverted else pixels)


def _is_everyday_jpeg(page: SegmentedPage) -> bool:
    colours = {1: {_WHITE_IS_ZERO, _BLACK_IS_ZERO}, 3: {_RGB, _YCBCR}}.get(page.samples, set())
    return page.bits == 8 and not page.is_in_planes and page.photometric in colours  # noqa: PLR2004


def _from_jpeg(image: Image.Image, page: SegmentedPage, content: Content, wanted: Wanted) -> Image.Image:
    """Decode every segment strictly, reduced; return the small picture that they make."""
    columns, rows = image.size
    divisor = next((by for by in (8, 4, 2) if not wanted or wanted.factor(columns, rows) >= by), 1)
    canvas = np.zeros((-(-rows // divisor), -(-columns // divisor), page.samples), np.uint8)
    tables = page.jpeg_tables
    adobe = _ADOBE_RGB if page.photometric == _RGB else b""
    across = -(-columns // page.segment_columns)
    try:
        for index, segment in enumerate(page.segments()):
            own = content[segment.at : segment.at + segment.size]
            if len(own) < segment.size:
                raise UnacceptableContentError(ENDS_EARLY)
            own = jpeg.with_tables(own, tables)
            least = -(-segment.rows // divisor), -(-page.segment_columns // divisor)
            part = jpeg.decode(own[:2] + adobe + own[2:], page.samples, least)
            top = index // across * page.segment_rows // divisor
            left = index % across * page.segment_columns // divisor
            room = canvas[top : top + part.shape[0], left : left + part.shape[1]]
            if part.shape[0] < least[0] or part.shape[1] < least[1]:
                raise UnacceptableContentError(f"{DAMAGED_DATA}: a part of it is smaller than it should be")
            room[:] = part[: room.shape[0], : room.shape[1]]
    except NotImplementedError:
        image.load()
        return image
    if page.photometric == _WHITE_IS_ZERO:
        canvas = np.invert(canvas)
    return Image.fromarray(canvas[..., 0] if page.samples == 1 else canvas)
