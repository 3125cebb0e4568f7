"""What a raster is to us: samples, what they mean, and what travels with them. No format, no decoder."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preservation.model.events import Agent
from preservation.rasters.embedded import Embedded
from preservation.rasters.tiff_fields import ByteOrder

_LEAST, _MOST = Fraction(1, 100), Fraction(10_000_000)
"""Between a pixel a metre and four a micrometre: numbers beyond are filler."""

_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType (TIFF 6.0)."""

_TOLERANCE = Fraction(1, 1000)
"""Every format gives resolution in units of its own, and rounds by less than this part of it."""


class Colour(StrEnum):
    """What the samples of a pixel stand for. In bilevel and grey pictures 0 is black."""

    BILEVEL = "bilevel"
    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "CIE L*a*b*"

    @property
    def bands(self) -> int:
        """How many samples of a pixel are colour; any more are extra."""
        return {Colour.BILEVEL: 1, Colour.GREY: 1, Colour.CMYK: 4}.get(self, 3)


class Extra(IntEnum):
    """What a sample beyond the colour stands for (TIFF 6.0, ExtraSamples)."""

    UNSPECIFIED = 0
    PREMULTIPLIED_ALPHA = 1
    ALPHA = 2


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The decoded pixels of a page: ``values`` is (rows, columns) or (rows, columns, bands).

    Bilevel samples are booleans, all others numbers in the full range of their type. Palettes have been
    looked up and greys of 2 or 4 bits widened to 8, both exactly. Rows are as stored, whatever the
    orientation.
    """

    values: NDArray[Any]
    colour: Colour
    extras: tuple[Extra, ...] = ()

    @property
    def bits(self) -> int:
        """Bits per sample."""
        return 1 if self.colour is Colour.BILEVEL else 8 * self.values.dtype.itemsize

    def __str__(self) -> str:
        rows, columns = self.values.shape[:2]
        number = {"f": " floating point", "i": " signed"}.get(self.values.dtype.kind, "")
        extras = "".join(f" + {extra.name.lower().replace('_', ' ')}" for extra in self.extras)
        return f"{columns} x {rows} pixels, {self.colour}{extras}, {self.bits} bit{number}"


class LengthUnit(IntEnum):
    """Units of a resolution (TIFF 6.0, ResolutionUnit)."""

    NONE = 1
    INCH = 2
    CENTIMETRE = 3


@dataclass(frozen=True, slots=True)
class Resolution:
    """Pixels per ``unit``, across and down; without a unit, only the shape of a pixel."""

    across: Fraction
    down: Fraction
    unit: LengthUnit

    @property
    def dots_per_inch(self) -> tuple[float, float] | None:
        """Pixels per inch, to four digits behind the point; ``None`` where there is no unit."""
        across, down = self.per_inch
        return None if self.unit is LengthUnit.NONE else (round(across, 4), round(down, 4))

    @property
    def per_inch(self) -> tuple[float, float]:
        """Pixels per inch, or the bare numbers where there is no unit."""
        factor = Fraction(254, 100) if self.unit is LengthUnit.CENTIMETRE else Fraction(1)
        return float(self.across * factor), float(self.down * factor)

    @property
    def has_unit(self) -> bool:
        """Say whether it counts in a length that people know."""
        return self.unit is not LengthUnit.NONE

    def is_close_to(self, other: "Resolution") -> bool:
        """Say whether both say the same, but for rounding."""
        return self.has_unit == other.has_unit and all(map(_are_close, self.per_inch, other.per_inch))

    def agrees_with(self, other: "Resolution") -> bool:
        """Say whether ``other`` does not contradict it; without a unit, only the shape of a pixel counts."""
        if self.has_unit and other.has_unit:
            return self.is_close_to(other)
        return _are_close(float(self.across / self.down), float(other.across / other.down))

    def __str__(self) -> str:
        across, down = self.per_inch
        return f"{across:g} x {down:g}" + (" (no unit)" if self.unit is LengthUnit.NONE else " dpi")


def resolution(across: Fraction, down: Fraction, unit: LengthUnit) -> Resolution | None:
    """Return the resolution, ``None`` where the numbers say nothing: absurd ones, or 1:1 without a unit."""
    absurd = not (_LEAST <= across <= _MOST and _LEAST <= down <= _MOST)
    if absurd or (unit is LengthUnit.NONE and across == down == 1):
        return None
    return Resolution(across, down, unit)


def settled(stated: list[tuple[str, Resolution]]) -> tuple[Resolution | None, str]:
    """Return the first resolution that has a unit, else the first; and in words where others disagree."""
    if not stated:
        return None, ""
    chosen = next(((who, found) for who, found in stated if found.has_unit), stated[0])
    if all(chosen[1].agrees_with(found) for _, found in stated):
        return chosen[1], ""
    return chosen[1], " and ".join(f"{found} by {who}" for who, found in stated)


def _are_close(one: float, other: float) -> bool:
    return abs(one - other) <= _TOLERANCE * one


@dataclass(frozen=True, slots=True)
class Calibration:
    """Colours without a profile: the exponent of its curve, and x and y of white, red, green and blue."""

    gamma: float | None = None
    chromaticities: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Companions:
    """What travels with the pixels of a page. ``profile`` is the ICC profile, byte for byte.

    ``stated_orientation`` is EXIF's and TIFF's, where there is one: 1 upright, 2 to 8 turned or mirrored
    when shown. ``dispute`` says in words where the file states resolutions that contradict each other.
    ``subfile_type`` is TIFF's (NewSubfileType): whether the page is a reduced copy or a mask of another.
    ``calibration`` is for showing it only; no derivative holds it.
    """

    profile: bytes | None
    resolution: Resolution | None
    stated_orientation: int | None
    embedded: Embedded
    dispute: str = ""
    subfile_type: int = 0
    calibration: Calibration | None = None

    @property
    def is_picture(self) -> bool:
        """Say whether the page stands for itself: no copy or mask of another."""
        return not self.subfile_type & (_REDUCED | _MASK)

    @property
    def role(self) -> str:
        """What the page is to others, in words; nothing where it stands for itself."""
        if self.is_picture:
            return ""
        return "mask" if self.subfile_type & _MASK else "reduced copy"

    @property
    def orientation(self) -> int:
        """How it is shown: upright where nothing is stated."""
        return self.stated_orientation or 1


class Raster(Protocol):
    """A raster file, opened for reading by one decoder. Pages count from 0 and are decoded one at a time.

    Every method raises ``UnacceptableContentError`` where the file cannot be read as asked, or cannot be
    read without changing a sample.
    """

    @property
    def decoder(self) -> Agent:
        """What decodes the samples of the first page."""

    @property
    def page_count(self) -> int:
        """How many pages there are."""

    @property
    def byte_order(self) -> ByteOrder:
        """The order in which the embedded fields of the first page are written."""

    def companions(self, page: int) -> Companions:
        """Return what travels with the pixels."""

    def decoded_bytes(self, page: int) -> int:
        """Return the most that the decoded samples can take up."""

    def samples(self, page: int) -> Samples:
        """Decode the page."""


def grey_or_rgb(values: NDArray[Any]) -> Samples:
    """Return the samples of a decoder that gives grey or RGB, with or without alpha, and says no more."""
    bands = sum(values.shape[2:] or (1,))
    colour = Colour.GREY if bands <= Colour.GREY.bands + 1 else Colour.RGB
    return Samples(values, colour, (Extra.ALPHA,) if bands > colour.bands else ())


def little_endian(values: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers contiguous and little-endian, copied only where they are not."""
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
