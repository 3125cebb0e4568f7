"""What came with a drop: manifests that others made, and how the drop compares with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from preservation.model.amounts import count
from preservation.model.digests import Algorithm
from preservation.model.events import EventOutcome
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable

_NAMED = 3


class ManifestLayout(StrEnum):
    """The layouts in which manifests are found in the field."""

    MD5SUM = "md5sum"
    BSD = "BSD"
    HASHDEEP = "hashdeep"
    BAGIT = "BagIt"
    CSV = "CSV"
    CERTUTIL = "certutil"
    POWERSHELL = "PowerShell"


@dataclass(frozen=True, slots=True)
class SuppliedManifest:
    """One supplied manifest, compared with the survey: the one place where it stands how that went.

    Counts of files: ``entries`` are those that it lists. Of them, ``confirmed`` have the listed digests,
    ``differing`` have others, ``missing`` are not in the drop; of ``unusable`` the manifest has no digest.
    ``unlisted`` are files of the drop that it should list and does not.
    """

    path: RelativePath
    algorithms: tuple[Algorithm, ...]
    layout: ManifestLayout
    entries: int
    confirmed: int
    issues: tuple[Issue, ...]
    differing: int = 0
    missing: int = 0
    unusable: int = 0
    unlisted: int = 0

    @property
    def outcome(self) -> EventOutcome:
        """What the comparison came to: a success only where files were compared, and all of them match."""
        if self.differing or self.missing:
            return EventOutcome.FAIL
        whole = self.confirmed and self.confirmed == self.entries and not self.unlisted
        return EventOutcome.SUCCESS if whole else EventOutcome.WARNING

    @property
    def sentence(self) -> str:
        """The counts in words, those that are not 0."""
        if not self.entries:
            return "no file was compared: it lists none that could be"
        counted = (
            (self.differing, "differ"),
            (self.missing, "missing"),
            (self.unusable, "listed with what is no digest"),
            (self.unlisted, "in the drop and not listed"),
        )
        words = [f"{number} {what}" for number, what in counted if number]
        return ", ".join((f"{self.confirmed} of {count(self.entries, 'listed file')} confirmed", *words))


@dataclass(frozen=True, slots=True)
class ManifestTally:
    """How a drop compares with all manifests that came with it: their number, and their counts in all."""

    manifests: int = 0
    named: tuple[str, ...] = ()
    entries: int = 0
    confirmed: int = 0
    differing: int = 0
    missing: int = 0
    unusable: int = 0
    unlisted: int = 0

    @property
    def sentence(self) -> str:
        """What people read of it: ``9 of 9 checksums confirmed (checksums.md5)``; empty without manifests."""
        if not self.manifests:
            return ""
        more = self.manifests - len(self.named)
        names = ", ".join(self.named) + (f" and {more:,} more" if more else "")
        if not self.entries:
            return f"No checksum could be compared ({names})"
        beside = f"; {count(self.unlisted, 'file')} not listed" if self.unlisted else ""
        return f"{self.confirmed:,} of {count(self.entries, 'checksum')} confirmed ({names}){beside}"


def comparison(manifests: Iterable[SuppliedManifest]) -> ManifestTally:
    """Add up what is known of each manifest."""
    total = ManifestTally()
    for one in manifests:
        named = (*total.named, printable(one.path))[:_NAMED]
        total = ManifestTally(
            total.manifests + 1,
            named,
            total.entries + one.entries,
            total.confirmed + one.confirmed,
            total.differing + one.differing,
            total.missing + one.missing,
            total.unusable + one.unusable,
            total.unlisted + one.unlisted,
        )
    return total
