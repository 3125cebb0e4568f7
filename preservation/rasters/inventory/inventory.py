"""What a walk through a container found, and what travels with the pixels because of it.

Each container is walked here once, from its first byte to its last: what a decoder shows of it is not all
that it holds. A walk knows the members that only serve decoding; all others are carried or left behind.
"""

from dataclasses import replace
from typing import Final

from preservation.errors import UnacceptableContentError
from preservation.rasters import photoshop
from preservation.rasters.embedded import IPTC, PROFILE, XMP, Embedded, open_exif
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.losses import Concern, LossLedger
from preservation.rasters.raster import Calibration, Companions, Resolution, settled
from preservation.rasters.tiff import companions_in
from preservation.rasters.tiff_fields import BYTES_KIND, Field

MOST_MEMBER_BYTES: Final = 1 << 28
"""What one member may hold, unpacked, that is more than pixels."""


class Inventory:
    """The members of one picture's container; ``container`` begins their names."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.profile: bytes | None = None
        self.profile_fault = ""
        self.calibration: Calibration | None = None
        self._blocks: dict[str, tuple[bytes, str]] = {}
        self._resolutions: list[tuple[str, Resolution]] = []
        self._ledger = LossLedger()

    def lose(self, member: str, detail: str = "", concern: Concern = Concern.METADATA) -> None:
        """Note a member that is left behind."""
        self._ledger.lose(f"{self.container}:{member}", detail, concern)

    def take(self, kind: str, content: bytes, member: str) -> None:
        """Carry the ``exif``, ``xmp``, ``iptc`` or ``photoshop`` of the picture; of several, the first."""
        if kind in self._blocks:
            self.lose(member, "another one than the first")
        else:
            self._blocks[kind] = content, member

    def lose_profile(self, member: str, fault: str) -> None:
        """Note an ICC profile that is damaged, and so left behind."""
        self.profile_fault = self.profile_fault or fault
        self.lose(member, f"an ICC profile that is damaged: {fault}", Concern.COLOUR)

    def take_profile(self, content: bytes, member: str) -> None:
        """Carry the ICC profile, if it is whole."""
        fault = fault_of_profile(content)
        if fault is not None:
            self.lose_profile(member, fault)
        elif self.profile is not None:
            self.lose(member, "another profile than the first", Concern.COLOUR)
        else:
            self.profile = content

    def take_resolution(self, found: Resolution | None, member: str) -> None:
        """Carry a resolution; those that are stated elsewhere are compared with it."""
        if found is not None:
            self._resolutions.append((member, found))

    def companions(self) -> Companions:
        """Return all that travels with the pixels, and all that does not."""
        found = self._exif_companions()
        embedded = self._with_blocks(found.embedded)
        if found.profile is not None:
            self._ledger.lose(f"exif:{PROFILE}", "a profile inside EXIF", Concern.COLOUR)
        if found.resolution is not None:
            self._resolutions.append(("EXIF", found.resolution))
        if "photoshop" in self._blocks:
            stated = photoshop.resolution_in_resources(self._blocks["photoshop"][0])
            self.take_resolution(stated, "Photoshop's resources")
        chosen, dispute = settled(self._resolutions)
        losses = LossLedger((*embedded.losses, *self._ledger.all)).all
        return replace(
            found,
            profile=self.profile,
            calibration=self.calibration if self.profile is None else None,
            resolution=chosen,
            dispute=dispute,
            embedded=replace(embedded, losses=losses),
        )

    def _exif_companions(self) -> Companions:
        if "exif" in self._blocks:
            content, member = self._blocks["exif"]
            try:
                reader, fields = open_exif(content)
                return companions_in(reader, fields, "exif")
            except UnacceptableContentError as error:
                self.lose(member, f"EXIF that is damaged: {error}")
        return Companions(None, None, None, Embedded())

    def _with_blocks(self, embedded: Embedded) -> Embedded:
        resources = self._blocks.get("photoshop", (b"", ""))[0]
        if resources:
            if photoshop.TIFF_TAG in embedded.main:
                self.lose(self._blocks["photoshop"][1], "other ones than in EXIF")
            else:
                field = Field(photoshop.TIFF_TAG, BYTES_KIND, len(resources), resources)
                embedded = replace(embedded, main={**embedded.main, photoshop.TIFF_TAG: field})
            iptc = photoshop.resource(resources, photoshop.IPTC)
            if iptc:
                self._blocks.setdefault("iptc", (iptc, "IPTC"))
        blocks: dict[str, bytes | None] = {}
        for kind, tag in (("xmp", XMP), ("iptc", IPTC)):
            content = self._blocks[kind][0] if kind in self._blocks else None
            in_exif = getattr(embedded, kind)
            if content and in_exif and content != in_exif:
                self._ledger.lose(f"exif:{tag}", "other than outside EXIF")
            blocks[kind] = content or in_exif
        return replace(embedded, xmp=blocks["xmp"], iptc=blocks["iptc"])
