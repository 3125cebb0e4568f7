"""A raster as one side of a proof: its pages, and the profile, resolution and metadata of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from preservation.model.events import Agent
from preservation.normalization.comparison import Content, Property
from preservation.policy.proofs import ProvableProof
from preservation.rasters.embedded import Embedded
from preservation.rasters.losses import REDUCED_COPY, Concern, LossLedger
from preservation.rasters.pages import without_reduced_copies
from preservation.rasters.raster import Raster, Resolution, little_endian


class ComparableRaster:
    """Every sample of every page, what the samples stand for, and which way up the page is shown.

    Digests are SHA-256 of the samples, row by row, numbers little-endian, bilevel ones a byte each.
    ``accepted`` names the losses that the policy accepts: only of these a proof is silent.
    """

    part_name = "page"

    def __init__(self, raster: Raster, accepted: Collection[str] = ()) -> None:
        self._raster = without_reduced_copies(raster) if REDUCED_COPY in accepted else raster
        self._accepted = frozenset(accepted)

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
        """Count pages, copies and masks of them, and further pictures that no page order reaches."""
        pages = [self._raster.companions(page) for page in range(self.part_count)]
        roles = Counter(page.role for page in pages)
        below = sum(
            loss.count
            for page in pages
            for loss in page.embedded.losses
            if loss.concern is Concern.PICTURE and not loss.is_accepted(self._accepted)
        )
        others = ((roles["reduced copy"], "reduced copies"), (roles["mask"], "masks"), (below, "sub-images"))
        counted = [f"{roles['']} pages", *(f"{number} {name}" for number, name in others if number)]
        return " and ".join(counted)

    @property
    def left_behind(self) -> tuple[str, ...]:
        """Name all that no target here takes, accepted or not."""
        pages = (self._raster.companions(page) for page in range(self.part_count))
        ledger = LossLedger(loss for page in pages for loss in page.embedded.losses)
        return tuple(map(str, ledger.all))

    def content(self, part: int) -> Content:
        """Decode the page."""
        samples = self._raster.samples(part)
        found = self._raster.companions(part)
        turned = f"orientation {found.orientation}" if found.orientation != 1 else ""
        layout = ", ".join(filter(None, (str(samples), found.role, turned)))
        return Content(layout, hashlib.sha256(little_endian(samples.values).data).digest())

    def properties(self, part: int) -> Mapping[ProvableProof, Property]:
        """Return what travels with the page."""
        found = self._raster.companions(part)
        losses = [loss for loss in found.embedded.losses if not loss.is_accepted(self._accepted)]
        colours = tuple(str(loss) for loss in losses if loss.concern is Concern.COLOUR)
        return {
            ProvableProof.SAME_PROFILE: _Profile(found.profile, colours),
            ProvableProof.SAME_RESOLUTION: _Resolution(found.resolution, found.dispute),
            ProvableProof.SAME_EMBEDDED_METADATA: _Metadata(found.embedded, tuple(map(str, losses))),
        }


@dataclass(frozen=True, slots=True)
class _Profile:
    """The ICC profile, byte for byte; none on both sides is the same.

    Differs where the source says more of its colours, such as the gamma of a PNG, or has a damaged profile.
    """

    found: bytes | None
    more: tuple[str, ...]

    def __str__(self) -> str:
        if self.found is None:
            return "no profile"
        return f"{len(self.found):,} bytes, sha256 {hashlib.sha256(self.found).hexdigest()}"

    def differences(self, other: _Profile) -> list[str]:
        return [*self.more, *([] if self.found == other.found else ["profile"])]


@dataclass(frozen=True, slots=True)
class _Resolution:
    """Pixels per inch, within 0.1 %; none on both sides is the same.

    Differs where the source contradicts itself: ``dispute`` says how.
    """

    found: Resolution | None
    dispute: str

    def __str__(self) -> str:
        return self.dispute or ("no resolution" if self.found is None else str(self.found))

    def differences(self, other: _Resolution) -> list[str]:
        if self.dispute:
            return ["resolution, of which the source says two things"]
        if self.found is None or other.found is None:
            return [] if self.found is other.found else ["resolution"]
        return [] if self.found.is_close_to(other.found) else ["resolution"]


@dataclass(frozen=True, slots=True)
class _Metadata:
    """Every descriptive field, EXIF, XMP and IPTC, byte for byte.

    Differs where the source has more than the target can hold, such as the text notes of a PNG, and the
    policy does not accept that loss.
    """

    found: Embedded
    lost: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.found)

    def differences(self, other: _Metadata) -> list[str]:
        return [*self.lost, *self.found.differences(other.found)]
