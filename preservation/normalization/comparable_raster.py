"""A raster as one side of a proof: its pages, and the profile, resolution and metadata of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from preservation.model.events import Agent
from preservation.normalization.comparison import Content, Property
from preservation.policy.proofs import ProvableProof
from preservation.rasters.embedded import Embedded
from preservation.rasters.raster import LengthUnit, Raster, Resolution, little_endian

_TOLERANCE = 0.001
"""Every format gives resolution in units of its own, and rounds by less than this part of it."""


class ComparableRaster:
    """Every sample of every page, what the samples stand for, and which way up the page is shown.

    Digests are SHA-256 of the samples, row by row, numbers little-endian, bilevel ones a byte each.
    """

    part_name = "page"

    def __init__(self, raster: Raster) -> None:
        self._raster = raster

    @property
    def decoder(self) -> Agent:
        """What decodes the samples of the first page."""
        return self._raster.decoder

    @property
    def part_count(self) -> int:
        """How many pages there are."""
        return self._raster.page_count

    @property
    def extent(self) -> str:
        """Count pages, and pictures that hang below pages."""
        below = self._raster.sub_images
        return f"{self.part_count} pages" + (f" and {below} sub-images" if below else "")

    def content(self, part: int) -> Content:
        """Decode the page."""
        samples = self._raster.samples(part)
        orientation = self._raster.companions(part).orientation
        layout = f"{samples}" if orientation == 1 else f"{samples}, orientation {orientation}"
        return Content(layout, hashlib.sha256(little_endian(samples.values).data).digest())

    def properties(self, part: int) -> Mapping[ProvableProof, Property]:
        """Return what travels with the page."""
        found = self._raster.companions(part)
        return {
            ProvableProof.SAME_PROFILE: _Profile(found.profile),
            ProvableProof.SAME_RESOLUTION: _Resolution(found.resolution),
            ProvableProof.SAME_EMBEDDED_METADATA: _Metadata(found.embedded),
        }


@dataclass(frozen=True, slots=True)
class _Profile:
    """The ICC profile, byte for byte; none on both sides is the same."""

    found: bytes | None

    def __str__(self) -> str:
        if self.found is None:
            return "no profile"
        return f"{len(self.found):,} bytes, sha256 {hashlib.sha256(self.found).hexdigest()}"

    def differences(self, other: _Profile) -> list[str]:
        return [] if self == other else ["profile"]


@dataclass(frozen=True, slots=True)
class _Resolution:
    """Pixels per inch, within 0.1 %; none on both sides is the same."""

    found: Resolution | None

    def __str__(self) -> str:
        return "no resolution" if self.found is None else str(self.found)

    def differences(self, other: _Resolution) -> list[str]:
        return [] if _are_close(self.found, other.found) else ["resolution"]


@dataclass(frozen=True, slots=True)
class _Metadata:
    """Every descriptive field, EXIF, XMP and IPTC, byte for byte.

    Differs where the source has more than the target can hold, such as the text notes of a PNG.
    """

    found: Embedded

    def __str__(self) -> str:
        return str(self.found)

    def differences(self, other: _Metadata) -> list[str]:
        return [*self.found.beyond_us, *self.found.differences(other.found)]


def _are_close(theirs: Resolution | None, ours: Resolution | None) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    pairs = zip(theirs.per_inch, ours.per_inch, strict=True)
    has_unit = [found.unit is not LengthUnit.NONE for found in (theirs, ours)]
    return has_unit[0] == has_unit[1] and all(abs(one - other) <= _TOLERANCE * one for one, other in pairs)
