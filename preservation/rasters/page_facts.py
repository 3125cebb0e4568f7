"""What the pages of an image are and what its file states of them, read from the file that was decoded.

A TIFF states it page by page, in its directories. Other formats state it once, in what lies around the
picture; how that decodes is known from ``ImageFacts``.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import BinaryIO, Final

from preservation.errors import UnacceptableContentError
from preservation.model.page_facts import (
    TAG_NUMBERS,
    ImageColour,
    PageFacts,
    ProfileFacts,
    StatedPages,
    TagName,
)
from preservation.model.screening import ImageFacts
from preservation.rasters import photoshop
from preservation.rasters.facts import name_of_profile
from preservation.rasters.families import Family
from preservation.rasters.inventory.containers import inventory_of
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.inventory.jp2 import inventory_of_jp2
from preservation.rasters.jp2 import GREY, SRGB, SYCC, read_codestream, read_wrapping
from preservation.rasters.raster import Companions
from preservation.rasters.tiff_fields import Directory
from preservation.rasters.tiff_page_facts import UNITS, pages_of_tiff, text_of

MOST_KINDS: Final = 1000
"""So many pages that differ are held apart; of a file with more, not all is said."""

_PILLOWS_NAMES: Final = {
    Family.JPEG: "JPEG", Family.PNG: "PNG", Family.BMP: "BMP", Family.GIF: "GIF", Family.WEBP: "WEBP",
}  # fmt: skip
_OF_ONE_UNIT: Final = frozenset({Family.PNG, Family.BMP, Family.JPEG_2000, Family.WEBP, Family.GIF})

_COLOURS: Final = {
    "1": (ImageColour.BILEVEL, 1), "L": (ImageColour.GREY, 1), "LA": (ImageColour.GREY, 2),
    "I": (ImageColour.GREY, 1), "F": (ImageColour.GREY, 1), "P": (ImageColour.PALETTE, 1),
    "PA": (ImageColour.PALETTE, 2), "RGB": (ImageColour.RGB, 3), "RGBA": (ImageColour.RGB, 4),
    "RGBX": (ImageColour.RGB, 4), "CMYK": (ImageColour.CMYK, 4), "LAB": (ImageColour.LAB, 3),
    "YCbCr": (ImageColour.RGB, 3),
}  # fmt: skip
"""What the bands of Pillow's modes stand for, and how many there are."""

_COPIES: Final = {
    "exif:thumbnail": "a thumbnail in its EXIF",
    "jpeg:APP0.thumbnail": "a thumbnail in its JFIF segment",
    "jpeg:APP0.JFXX": "a thumbnail in its JFXX segment",
}
"""Reduced copies by the name of the loss under which an inventory has them."""


def stated_pages(
    stream: BinaryIO, family: Family, facts: ImageFacts | None, tags: Collection[TagName]
) -> StatedPages:
    """Return what the pages of a decoded image are and state; of their tags those among ``tags``.

    ``facts`` are those of its first picture, as it was decoded. What cannot be read is a ``fault``.
    """
    try:
        if family is Family.TIFF:
            return gathered(pages_of_tiff(stream, tags))
        if facts is None:
            return StatedPages(fault="it could not be decoded")
        page = _page(stream, family, facts, tags)
        return StatedPages((page,), max(1, facts.frames))
    except (UnacceptableContentError, IndexError) as error:
        return StatedPages(fault=str(error) or "its fields are not where they should be")


def gathered(pages: Iterable[tuple[PageFacts, bool]]) -> StatedPages:
    """Return the pages, each kind once; beside each stands whether it says that it is a reduced copy.

    What is not smaller than the largest picture is no copy, whatever it is called.
    """
    kinds: dict[tuple[PageFacts, bool], tuple[int, int]] = {}
    fault = ""
    try:
        for page, is_called_copy in pages:
            kind = replace(page, number=0), is_called_copy
            first, alike = kinds.get(kind, (page.number, 0))
            kinds[kind] = first, alike + 1
            if len(kinds) > MOST_KINDS:
                fault = f"more than {MOST_KINDS:,} of its pages differ"
                break
    except UnacceptableContentError as error:
        fault = str(error)
    largest = max(
        (page.width * page.height for page, is_called_copy in kinds if not is_called_copy), default=0
    )
    shown: list[PageFacts] = []
    copies: list[str] = []
    for (page, is_called_copy), (first, alike) in kinds.items():
        if is_called_copy and page.width * page.height < largest:
            copies.append(f"a reduced copy as page {first}")
        else:
            shown.append(replace(page, number=first, alike=alike))
    if copies and shown:
        shown[0] = replace(shown[0], copies=(*shown[0].copies, *copies[:3]))
    return StatedPages(tuple(shown), sum(page.alike for page in shown), fault)


def _page(stream: BinaryIO, family: Family, facts: ImageFacts, tags: Collection[TagName]) -> PageFacts:
    inventory = _inventory(stream, family)
    companions = inventory.companions() if inventory is not None else None
    colour, samples, bits = _pixels(stream, family, facts)
    page = PageFacts(1, facts.width, facts.height, bits, samples, colour, facts.compression)
    if companions is None:
        name = facts.profile or ""
        return replace(
            page,
            resolution=facts.resolution,
            orientation=facts.orientation or 1,
            profile=ProfileFacts(name, "", "it was not looked into") if name else None,
        )
    found = companions.resolution
    return replace(
        page,
        resolution=found.dots_per_inch if found is not None else None,
        unit="" if found is None or family in _OF_ONE_UNIT else UNITS[found.unit],
        dispute=companions.dispute,
        profile=_profile(companions.profile, inventory.profile_fault if inventory is not None else ""),
        orientation=companions.orientation,
        copies=tuple(_copies_among(companions)),
        tags=tuple(_tags_among(companions, tags)),
    )


def _inventory(stream: BinaryIO, family: Family) -> Inventory | None:
    stream.seek(0)
    if family is Family.JPEG_2000:
        return inventory_of_jp2(stream)
    name = _PILLOWS_NAMES.get(family)
    return inventory_of(stream, name) if name is not None else None


def _pixels(stream: BinaryIO, family: Family, facts: ImageFacts) -> tuple[ImageColour, int, tuple[int, ...]]:
    if family is Family.JPEG_2000:
        codestream = read_codestream(stream)
        depths = codestream.depths
        return _colour_of_jp2(stream, len(depths)), len(depths), tuple(sorted(set(depths)))
    mode = facts.mode.partition(";")[0]
    colour, samples = _COLOURS.get(mode, (ImageColour.OTHER, 0))
    return colour, samples, (facts.bits,)


def _colour_of_jp2(stream: BinaryIO, components: int) -> ImageColour:
    wrapping = read_wrapping(stream)
    if wrapping.palette:
        return ImageColour.PALETTE
    stated = {GREY: ImageColour.GREY, SRGB: ImageColour.RGB, SYCC: ImageColour.RGB}
    if isinstance(wrapping.colour, int) and wrapping.colour in stated:
        return stated[wrapping.colour]
    # A profile says in its header what its numbers are (ICC.1:2022 section 7.2.6).
    space = wrapping.colour[16:20] if isinstance(wrapping.colour, bytes) else b""
    spaces = {b"GRAY": ImageColour.GREY, b"RGB ": ImageColour.RGB, b"CMYK": ImageColour.CMYK}
    bare = {1: ImageColour.GREY, 3: ImageColour.RGB}.get(components, ImageColour.OTHER)
    return spaces.get(space, ImageColour.OTHER) if space else bare


def _profile(content: bytes | None, fault: str) -> ProfileFacts | None:
    if content is None:
        return ProfileFacts("damaged profile", "", fault) if fault else None
    return ProfileFacts(name_of_profile(content) or "", sha256(content).hexdigest())


def _copies_among(companions: Companions) -> Iterator[str]:
    for loss in companions.embedded.losses:
        if loss.name in _COPIES:
            yield _COPIES[loss.name]
    resources = companions.embedded.main.get(photoshop.TIFF_TAG)
    if resources is not None and photoshop.has_thumbnail(resources.value):
        yield "a thumbnail in Photoshop's resources"


def _tags_among(companions: Companions, tags: Collection[TagName]) -> Iterator[tuple[TagName, str]]:
    found: Directory = {**companions.embedded.exif, **companions.embedded.main}
    for number, name in TAG_NUMBERS.items():
        if name in tags and number in found and (text := text_of(found[number].value)):
            yield name, text
