"""What the pages of an image are, and what their file states of them: what a contract is held against."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ImageColour(StrEnum):
    """What the samples of a pixel stand for, in the words of policies."""

    BILEVEL = "bilevel"
    GREY = "grey"
    PALETTE = "palette"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "CIE L*a*b*"
    OTHER = "other"


class TagName(StrEnum):
    """Tags of TIFF and EXIF that hold text about the making of an image."""

    DOCUMENT_NAME = "DocumentName"
    IMAGE_DESCRIPTION = "ImageDescription"
    MAKE = "Make"
    MODEL = "Model"
    PAGE_NAME = "PageName"
    SOFTWARE = "Software"
    DATE_TIME = "DateTime"
    ARTIST = "Artist"
    HOST_COMPUTER = "HostComputer"
    COPYRIGHT = "Copyright"
    DATE_TIME_ORIGINAL = "DateTimeOriginal"
    DATE_TIME_DIGITIZED = "DateTimeDigitized"
    SERIAL_NUMBER = "BodySerialNumber"
    LENS_MAKE = "LensMake"
    LENS_MODEL = "LensModel"


TAG_NUMBERS: Final = MappingProxyType({
    269: TagName.DOCUMENT_NAME, 270: TagName.IMAGE_DESCRIPTION, 271: TagName.MAKE, 272: TagName.MODEL,
    285: TagName.PAGE_NAME, 305: TagName.SOFTWARE, 306: TagName.DATE_TIME, 315: TagName.ARTIST,
    316: TagName.HOST_COMPUTER, 33432: TagName.COPYRIGHT, 36867: TagName.DATE_TIME_ORIGINAL,
    36868: TagName.DATE_TIME_DIGITIZED, 42033: TagName.SERIAL_NUMBER, 42035: TagName.LENS_MAKE,
    42036: TagName.LENS_MODEL,
})  # fmt: skip
"""The numbers of these tags in TIFF 6.0 and EXIF 2.32."""


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """An ICC profile: what it calls itself, its SHA-256, and in what it is damaged, if it is."""

    name: str
    sha256: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """One page, and how many pages of the file are like it; ``number`` is that of the first, from 1.

    ``resolution`` is in dots per inch across and down, ``None`` where no unit or no resolution is stated;
    ``unit`` is the word of TIFF and JPEG, empty in formats that have one unit only. ``dispute`` names
    resolutions that contradict each other. ``byte_order`` is TIFF's, else empty. ``copies`` names reduced
    copies inside, ``layers`` says what holds layers.
    """

    number: int
    width: int
    height: int
    bits: tuple[int, ...]
    samples: int
    colour: ImageColour
    compression: str
    resolution: tuple[float, float] | None = None
    unit: str = ""
    dispute: str = ""
    profile: ProfileFacts | None = None
    orientation: int = 1
    byte_order: str = ""
    copies: tuple[str, ...] = ()
    layers: str = ""
    tags: tuple[tuple[TagName, str], ...] = ()
    alike: int = 1


@dataclass(frozen=True, slots=True)
class StatedPages:
    """The pages of one image, without reduced copies: of those that are alike, the first.

    ``count`` is how many pages there are. ``fault`` says why not all could be read; empty where all were.
    """

    pages: tuple[PageFacts, ...] = ()
    count: int = 0
    fault: str = ""
