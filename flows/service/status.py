"""How the archive stands: what waits, what is kept, what is on its way, how submissions ended lately."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path

from flows.inboxes.heartbeat import watcher_fault
from flows.inboxes.queue.backlog import Backlog, Pending
from flows.inboxes.report import Inboxes, read_inboxes
from flows.installation.wiring import Installation, now
from flows.submission.progress.progress import Way, way_of
from flows.submission.workspace import Workspace, lock_of
from preservation.errors import IntegrityError
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion, Counts

_LATEST = 10
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A submission that has a folder in processing: ``touched`` says when the last stage of it was done.

    ``in_hand`` says that a run of this machine has it in hand now. Another machine is known, by its name, to
    have it only where a stage of it takes long enough to be told.
    """

    object: str
    way: Way
    touched: datetime
    in_hand: bool
    elsewhere: str

    @property
    def runs(self) -> bool:
        """Say whether somebody is known to be at work on it."""
        return self.in_hand or bool(self.elsewhere)


@dataclass(frozen=True, slots=True)
class Standing:
    """The archive ``at`` one moment. ``latest`` are the ends worth knowing, newest first.

    ``inboxes`` is what the watcher said last, ``None`` where none ever did; ``watcher_fault`` says why
    nobody looks at the inboxes now, as far as is known here, and is empty where somebody does. ``taken`` are
    the drops that were taken from an inbox and have no answer yet; ``troubles`` says of which areas that
    cannot be told now.
    """

    at: datetime
    counts: Counts
    on_its_way: tuple[OnItsWay, ...]
    latest: tuple[Conclusion, ...]
    inboxes: Inboxes | None
    taken: tuple[Pending, ...]
    troubles: tuple[str, ...] = ()
    watcher_fault: str = ""

    @property
    def is_watched(self) -> bool:
        """Say whether somebody looks at the inboxes."""
        return not self.watcher_fault


def standing(installation: Installation) -> Standing:
    """Ask the catalogue and look into processing.

    Raises ``StorageError`` where the database does not answer.
    """
    settings = installation.settings
    backlog = Backlog(settings.areas)
    taken = tuple(backlog.pending())
    at = now()
    return Standing(
        at,
        installation.catalogue.counts(),
        tuple(_on_its_way(settings.processing, at)),
        tuple(sorted(_latest(installation), key=lambda end: end.concluded_at, reverse=True)),
        read_inboxes(settings),
        taken,
        tuple(backlog.troubles.values()),
        watcher_fault(settings, at),
    )


def _latest(installation: Installation) -> Iterator[Conclusion]:
    """Give today's stored submissions, and the latest of those that need somebody."""
    today = now().date()
    yield from takewhile(
        lambda end: end.concluded_at.date() == today, installation.catalogue.conclusions(Verdict.STORED)
    )
    for verdict in (Verdict.REJECTED, Verdict.WAITING, Verdict.INTERRUPTED):
        for end in islice(installation.catalogue.conclusions(verdict), _LATEST):
            if not _is_past(end, installation):
                yield end


def _is_past(end: Conclusion, installation: Installation) -> bool:
    """Say whether the object was tried again since and is kept now, so that nobody need see to that end."""
    kept = installation.catalogue.latest(end.submission.object)
    return kept is not None and kept.registered_at > end.concluded_at


def _on_its_way(processing: Path, at: datetime) -> Iterator[OnItsWay]:
    locked = _locked_files()
    for folder in sorted(processing.glob("[!.]*/[!.]*/")):
        workspace = Workspace(folder)
        if not workspace.claim.exist:
            continue
        try:
            submission = workspace.submission
            way = way_of(workspace)
            touched = _touched(workspace, way)
        except (IntegrityError, StopIteration, FileNotFoundError):
            # Damaged, or answered while we look.
            continue
        yield OnItsWay(
            str(submission.object),
            way,
            touched,
            _inode(lock_of(processing, submission.object)) in locked,
            _elsewhere(way, at),
        )


def _touched(workspace: Workspace, way: Way) -> datetime:
    record = workspace.events(way.last) if way.last else workspace.claim
    return datetime.fromtimestamp(record.path.stat().st_mtime, UTC)


def _elsewhere(way: Way, at: datetime) -> str:
    """Return the machine that told lately how far it is, where that is not this one."""
    told = way.progress
    if told is None or told.by.is_here or told.is_silent(at):
        return ""
    return told.by.host


def _locked_files() -> frozenset[str]:
    """Return the inodes that somebody on this machine has locked; looking must not take a lock itself."""
    try:
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line.split()[5].rpartition(":")[2] for line in lines if " FLOCK " in line)


def _inode(path: Path) -> str:
    try:
        return str(path.stat().st_ino)
    except FileNotFoundError:
        return ""
