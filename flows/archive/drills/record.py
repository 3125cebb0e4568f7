"""The record of a drill: a JSON file in ``reports/drills/``, for good, beside its certificate."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from flows.installation.log import LOG
from flows.installation.settings import Settings
from preservation.files.durable import sync_folder, written_whole

MODE: Final = 0o750
"""Of the folders of reports, as of receipts: for the group of the service."""


class DrillReason(StrEnum):
    """How a version was chosen: at random by weight, as the largest, or by a user who named it."""

    WEIGHTED = "weighted"
    LARGEST = "largest"
    NAMED = "named"


class DrillVerdict(StrEnum):
    """What a drill showed of one replica.

    *Damaged* is one that was read and is not as it was kept; of one that was *not restored* nothing is known.
    """

    RESTORED = "restored"
    NOT_RENDERED = "restored-not-rendered"
    DAMAGED = "damaged"
    NOT_RESTORED = "not-restored"

    @property
    def is_whole(self) -> bool:
        """Whether every file came out of the store as it was kept."""
        return self in {DrillVerdict.RESTORED, DrillVerdict.NOT_RENDERED}


class DrillChoice(msgspec.Struct, frozen=True):
    """How a version came to be drilled: by ``seed`` among so many replicas, by the product of ``weights``."""

    reason: DrillReason
    seed: int | None = None
    considered: int = 0
    weights: dict[str, float] = {}


class RenderedFiles(msgspec.Struct, frozen=True):
    """What came of opening restored files: images to their last pixel, PDFs to their last page.

    ``failures`` counts those that do not render, and ``failed`` has a sentence on the first of them;
    ``unseen`` counts by reason the files that nothing here looks into.
    """

    images: int = 0
    documents: int = 0
    pages: int = 0
    seconds: float = 0.0
    failures: int = 0
    failed: tuple[str, ...] = ()
    unseen: dict[str, int] = {}


class DrilledReplica(msgspec.Struct, frozen=True):
    """What a drill showed of the replica in one store; ``seconds`` is the restore, without the rendering."""

    store: str
    site: str
    verdict: DrillVerdict
    sentence: str
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rendered: RenderedFiles = RenderedFiles()
    remarks: tuple[str, ...] = ()


class StoreEstimate(msgspec.Struct, frozen=True):
    """How long restoring all of a store would take, at the rates of ``drills`` of it so far.

    ``seconds`` is at the rate of all of them together, ``least`` and ``most`` at that of the fastest and of
    the slowest one.
    """

    store: str
    versions: int
    bytes: int
    drills: int
    seconds: float
    least: float
    most: float


class DrillRecord(msgspec.Struct, frozen=True):
    """A drill: one version, restored from each of ``replicas`` alone."""

    id: str
    package: str
    began: datetime
    ended: datetime
    software: str
    choice: DrillChoice
    replicas: tuple[DrilledReplica, ...]
    estimates: tuple[StoreEstimate, ...]
    version: int = 1

    @property
    def verdict(self) -> DrillVerdict:
        """The gravest of the replicas' verdicts."""
        return max((one.verdict for one in self.replicas), key=_GRAVITY.index)

    @property
    def stem(self) -> str:
        """What its files are called, without their endings."""
        return f"{self.began:%Y-%m-%d}-{self.id}"


_GRAVITY: Final = (
    DrillVerdict.RESTORED,
    DrillVerdict.NOT_RENDERED,
    DrillVerdict.NOT_RESTORED,
    DrillVerdict.DAMAGED,
)


def drills_folder(settings: Settings) -> Path:
    """Return where the records and certificates lie."""
    return settings.reports / "drills"


def keep_record(record: DrillRecord, certificate: bytes, settings: Settings) -> Path:
    """Write the certificate, then the record, each whole; return the certificate. Raises ``OSError``."""
    return keep_files(record, record.stem, certificate, drills_folder(settings), settings)


def keep_files(
    record: msgspec.Struct, stem: str, certificate: bytes, folder: Path, settings: Settings
) -> Path:
    """Write ``<stem>.html`` and then ``<stem>.json`` into ``folder``, which is made below the reports."""
    for made in dict.fromkeys((settings.reports, drills_folder(settings), folder)):
        made.mkdir(mode=MODE, exist_ok=True)
    page = folder / f"{stem}.html"
    content = msgspec.json.format(msgspec.json.encode(record))
    for path, written in ((page, certificate), (page.with_suffix(".json"), content + b"\n")):
        with written_whole(path) as sink:
            sink.write(written)
    sync_folder(folder)
    return page


def drill_records(settings: Settings) -> Iterator[DrillRecord]:
    """Yield the record of every drill, oldest first. One that cannot be read is logged and passed over."""
    try:
        files = sorted(drills_folder(settings).glob("*.json"))
    except OSError:
        return
    for file in files:
        try:
            yield msgspec.json.decode(file.read_bytes(), type=DrillRecord)
        except (OSError, msgspec.DecodeError) as error:
            LOG.warning("%s: it is no record of a drill, and does not count: %s", file, error)
