"""Areas, drops in inboxes that are complete, and takes of them, for tests of watch folders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from flows.inboxes.folder.take import CompleteDrop, take
from flows.inboxes.queue.takes import Take, take_folders, take_of
from flows.installation.areas import Area
from flows.submission.answer import SubmissionResult
from flows.submission.workspace import Ending
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    PackageId,
    VersionNumber,
)
from preservation.model.issues import Issue
from preservation.model.verdicts import Verdict

MAPS = CollectionName("maps")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def an_area(root: Path) -> Area:
    """An installation's own area with an inbox for maps."""
    area = Area(root, own=True)
    root.mkdir(parents=True, exist_ok=True)
    area.make_folders()
    area.make_inboxes([MAPS])
    return area


def a_drop(area: Area, name: str = "sheet-012", *groups: str, files: int = 3) -> Path:
    """A drop of a few files in the inbox of maps."""
    drop = area.inbox.joinpath(MAPS, *groups, name)
    drop.mkdir(parents=True)
    for number in range(files):
        (drop / f"{number:03}.txt").write_text(f"{name} {number}\n")
    return drop


def found_complete(
    area: Area, drop: Path, *sentinels: str, collection: CollectionName = MAPS
) -> CompleteDrop:
    """The drop as a sweep gives it that found it complete."""
    found = drop.lstat()
    groups = drop.relative_to(area.inbox / collection).parts[:-1]
    return CompleteDrop(
        area=area,
        collection=collection,
        groups=groups,
        name=drop.name,
        object_name=ObjectName("__".join((*groups, drop.name))),
        identity=(found.st_dev, found.st_ino),
        files=3,
        bytes=30,
        sentinels=sentinels,
    )


def a_take(area: Area, name: str = "sheet-012", at: datetime = NOON) -> Take:
    """A drop that was taken."""
    taken = take(found_complete(area, a_drop(area, name)), at)
    assert isinstance(taken, Take)
    return taken


def takes_in(area: Area) -> Iterator[Take]:
    """The takes in ``area`` that have their drop, the oldest first."""
    for folder in take_folders(area):
        found = take_of(folder, area)
        if found is not None and found.has_drop:
            yield found


def told_of(
    take: Take, verdict: Verdict, receipts: Path | None = None, *, issues: tuple[Issue, ...] = ()
) -> SubmissionResult:
    """What a run tells of the take, with a receipt in ``receipts`` where there is one."""
    package = PackageId(ObjectId(take.collection, take.object_name), VersionNumber(1))
    kept = verdict in {Verdict.STORED, Verdict.ALREADY_KEPT}
    receipt = None
    if receipts is not None:
        receipts.mkdir(exist_ok=True)
        receipt = receipts / f"{take.id}.html"
        receipt.write_text(f"{take.id}: {verdict}")
        receipt.with_suffix(".json").write_text(f'{{"verdict": "{verdict}"}}')
        if verdict is Verdict.REJECTED:
            receipt.with_suffix(".csv").write_text(f"{take.id}: what to mend\n")
    ending = Ending(verdict, f"It was {verdict}.", NOON, package=package if kept else None, issues=issues)
    return SubmissionResult(str(take.object_id), ending, receipt=receipt)


def contents(root: Path) -> dict[str, bytes]:
    """Every file below ``root``."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
