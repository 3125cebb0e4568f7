"""The record of a loss that was rehearsed in fact: a JSON file in ``reports/drills/losses/``, and a page."""

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.archive.drills.record import DrillVerdict, drills_folder, keep_files
from flows.archive.pages.rendering import rendered_page
from flows.installation.settings import Settings
from preservation.model.amounts import count
from preservation.model.paths import printable

NAMED: Final = 20
"""So many files, or reasons, a record names; it counts the others."""


class LossStep(msgspec.Struct, frozen=True):
    """What was done, with how many files and bytes, and how long it took."""

    what: str
    files: int
    bytes: int
    seconds: float


class HealingEstimate(msgspec.Struct, frozen=True):
    """How long filling a store of so many bytes would take, at the rate of the rehearsal."""

    store: str
    versions: int
    bytes: int
    seconds: float


class LossRecord(msgspec.Struct, frozen=True):
    """A store that was lost in fact, and filled again.

    ``differing`` files of what was filled are not as they were before; the first are ``named``. ``unfilled``
    are the versions that were not filled again; ``reasons`` has a sentence on each of the first of them, and
    of the damage that was seen in other stores; ``is_damaged`` says whether there was damage. ``by`` is who
    declared the store lost.
    """

    id: str
    store: str
    site: str
    by: str
    began: datetime
    ended: datetime
    software: str
    versions: int
    steps: tuple[LossStep, ...]
    filled: LossStep
    differing: int
    named: tuple[str, ...]
    unfilled: int
    reasons: tuple[str, ...]
    is_damaged: bool
    estimates: tuple[HealingEstimate, ...]
    version: int = 1

    @property
    def verdict(self) -> DrillVerdict:
        """Whether the store has again what it had, byte for byte."""
        if self.differing or self.is_damaged:
            return DrillVerdict.DAMAGED
        return DrillVerdict.NOT_RESTORED if self.unfilled else DrillVerdict.RESTORED

    @property
    def stem(self) -> str:
        """What its files are called, without their endings."""
        return f"{self.began:%Y-%m-%d}-{self.id}"

    @property
    def sentence(self) -> str:
        """What came of it."""
        if self.unfilled:
            return (
                f"{count(self.unfilled, 'version')} not filled again. {printable(self.reasons[0])}. Mend "
                f"that, then run: muniment replicate --missing --store {self.store}"
            )
        if self.differing:
            return (
                f"{count(self.differing, 'file is', 'files are')} not the same as before the loss: "
                f"{', '.join(map(printable, self.named))}. What is there now was read back as it was kept: "
                "so it was damaged before, or did not belong there"
            )
        if self.is_damaged:
            return (
                f"{count(self.versions, 'version')}: every byte is the same as before; damage was seen in "
                f"another store meanwhile. {printable(self.reasons[0])}. Have it read: muniment audit"
            )
        read = self.steps[-1]
        amount = f"{count(self.versions, 'version')}, {count(read.files, 'file')}"
        return f"{amount}: every byte is the same as before"


def losses_folder(settings: Settings) -> Path:
    """Return where the records and certificates of rehearsed losses lie."""
    return drills_folder(settings) / "losses"


def keep_loss(record: LossRecord, settings: Settings) -> Path:
    """Write certificate and record, each whole; return the certificate. Raises ``OSError``."""
    return keep_files(record, record.stem, loss_page(record), losses_folder(settings), settings)


def loss_page(record: LossRecord) -> bytes:
    """Return the certificate as a page that stands for itself."""
    return rendered_page("loss.html.j2", record=record, headline=_HEADLINES[record.verdict])


_HEADLINES: Final = {
    DrillVerdict.RESTORED: "Lost, and filled again as it was",
    DrillVerdict.DAMAGED: "Lost, and filled again otherwise than it was",
    DrillVerdict.NOT_RESTORED: "Lost, and not filled again",
}
