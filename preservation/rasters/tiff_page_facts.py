"""What each page of a TIFF is and states, read from its directories."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from types import MappingProxyType
from typing import BinaryIO, Final

from preservation.errors import UnacceptableContentError
from preservation.model.compressions import TIFF_COMPRESSIONS
from preservation.model.page_facts import TAG_NUMBERS, ImageColour, PageFacts, ProfileFacts, TagName
from preservation.rasters import embedded, photoshop
from preservation.rasters.facts import name_of_profile
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.raster import LengthUnit, settled
from preservation.rasters.tiff import orientation_in, resolution_in
from preservation.rasters.tiff_fields import Directory, DirectoryReader, Field

UNITS: Final = MappingProxyType(
    {LengthUnit.NONE: "none", LengthUnit.INCH: "inch", LengthUnit.CENTIMETRE: "centimetre"}
)
"""How policies write the units of a resolution."""

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _REDUCED, _OLD_REDUCED = 254, 255, 1, 2
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_LAYERS = 37724
"""ImageSourceData (Adobe's TIFF technical notes): the layers that Photoshop keeps beside a flat picture."""

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS: Final = {
    _WHITE_IS_ZERO: ImageColour.GREY, _BLACK_IS_ZERO: ImageColour.GREY, _RGB: ImageColour.RGB,
    _PALETTE: ImageColour.PALETTE, _CMYK: ImageColour.CMYK, _YCBCR: ImageColour.RGB, _LAB: ImageColour.LAB,
}  # fmt: skip
_FAX = frozenset({2, 3, 4, 32771})
_TAGS: Final = frozenset({
    _SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES,
    embedded.ORIENTATION, embedded.ACROSS, embedded.DOWN, embedded.RESOLUTION_UNIT, embedded.PROFILE,
    embedded.EXIF, embedded.SUB_IMAGES, photoshop.TIFF_TAG, *TAG_NUMBERS,
})  # fmt: skip

_LONGEST_TEXT = 200
_MOST_BELOW = 1000


def pages_of_tiff(stream: BinaryIO, tags: Collection[TagName]) -> Iterator[tuple[PageFacts, bool]]:
    """Yield what each page is and states, and whether it says that it is a reduced copy of another.

    Raises ``UnacceptableContentError`` where its directories cannot be read.
    """
    reader = DirectoryReader(stream)
    for number, entries in enumerate(reader.chain(), 1):
        fields = reader.valued(entries, _TAGS)
        has_layers = any(entry.tag == _LAYERS for entry in entries)
        yield _page(reader, fields, number, tags, has_layers=has_layers), _is_called_copy(reader, fields)


def _page(
    reader: DirectoryReader, fields: Directory, number: int, tags: Collection[TagName], *, has_layers: bool
) -> PageFacts:
    compression = _number(reader, fields, _COMPRESSION, 1)
    bits = tuple(sorted(set(reader.numbers(fields[_BITS])))) if _BITS in fields else (1,)
    stated = resolution_in(reader, fields)
    resources = fields[photoshop.TIFF_TAG].value if photoshop.TIFF_TAG in fields else b""
    in_resources = photoshop.resolution_in_resources(resources)
    both = [("its fields", stated), ("Photoshop's resources", in_resources)]
    chosen, dispute = settled([(who, found) for who, found in both if found is not None])
    return PageFacts(
        number,
        _number(reader, fields, _WIDTH, 0),
        _number(reader, fields, _LENGTH, 0),
        bits,
        _number(reader, fields, _SAMPLES, 1),
        _colour(reader, fields, compression, bits),
        TIFF_COMPRESSIONS.get(compression, f"TIFF compression {compression}"),
        resolution=chosen.dots_per_inch if chosen is not None else None,
        unit=UNITS[chosen.unit] if chosen is not None else "",
        dispute=dispute,
        profile=_profile(fields.get(embedded.PROFILE)),
        orientation=orientation_in(reader, fields) or 1,
        byte_order=reader.byte_order,
        copies=tuple(_copies_below(reader, fields, resources)),
        layers="Photoshop's layers" if has_layers else "",
        tags=tuple(_tags(reader, fields, tags)),
    )


def _number(reader: DirectoryReader, fields: Directory, tag: int, otherwise: int) -> int:
    return reader.numbers(fields[tag])[0] if tag in fields else otherwise


def _is_called_copy(reader: DirectoryReader, fields: Directory) -> bool:
    is_old_copy = _number(reader, fields, _OLD_SUBFILE_TYPE, 0) == _OLD_REDUCED
    return bool(_number(reader, fields, _SUBFILE_TYPE, _REDUCED if is_old_copy else 0) & _REDUCED)


def _colour(
    reader: DirectoryReader, fields: Directory, compression: int, bits: tuple[int, ...]
) -> ImageColour:
    photometric = _number(reader, fields, _PHOTOMETRIC, 0 if compression in _FAX else -1)
    colour = _COLOURS.get(photometric, ImageColour.OTHER)
    return ImageColour.BILEVEL if colour is ImageColour.GREY and bits == (1,) else colour


def _profile(found: Field | None) -> ProfileFacts | None:
    if found is None:
        return None
    fault = fault_of_profile(found.value) or ""
    name = "damaged profile" if fault else name_of_profile(found.value) or ""
    return ProfileFacts(name, sha256(found.value).hexdigest(), fault)


def _copies_below(reader: DirectoryReader, fields: Directory, resources: bytes) -> Iterator[str]:
    below = fields.get(embedded.SUB_IMAGES)
    if below is not None:
        offsets = reader.numbers(below)[:_MOST_BELOW]
        kinds = {_is_called_copy(reader, reader.directory_at(at, _TAGS)) for at in offsets}
        for is_copy in sorted(kinds):
            yield "a reduced copy below its page" if is_copy else "a picture below its page"
    if photoshop.has_thumbnail(resources):
        yield "a thumbnail in Photoshop's resources"


def _tags(
    reader: DirectoryReader, fields: Directory, tags: Collection[TagName]
) -> Iterator[tuple[TagName, str]]:
    below: Directory = {}
    if tags and embedded.EXIF in fields:
        try:
            below = reader.directory_at(reader.numbers(fields[embedded.EXIF])[0], TAG_NUMBERS)
        except UnacceptableContentError:
            below = {}  # a damaged EXIF states nothing
    for number, name in TAG_NUMBERS.items():
        found = fields.get(number) or below.get(number)
        if name in tags and found is not None and (text := text_of(found.value)):
            yield name, text


def text_of(value: bytes) -> str:
    """Return the text that a field holds, up to its first NUL, without spaces around it."""
    text = value.partition(b"\0")[0][:_LONGEST_TEXT].decode("utf-8", "replace").strip()
    return "".join(filter(str.isprintable, text))
