"""The status of the archive: what waits, what is on its way, what is kept, how submissions ended lately."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, takewhile
from pathlib import Path

from flows.alarms.alarms import outbox_of
from flows.alarms.outbox import Queued
from flows.archive.damage import OpenDamage, open_damage
from flows.archive.presence import StoreStatus, store_statuses
from flows.inboxes.heartbeat import watcher_fault
from flows.inboxes.queue.backlog import Backlog, Pending
from flows.inboxes.queue.holds import Hold, HoldBook, InboxPlace, hold_on
from flows.inboxes.report import InboxReport, read_inbox_report
from flows.installation.wiring import Installation, now
from flows.submission.progress.progress import SubmissionPosition, position_of
from flows.submission.workspace import Workspace, lock_of, workspace_root
from preservation.errors import IntegrityError
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion, Counts

_LATEST = 10
_REPLICAS = 100
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class SubmissionUnderWay:
    """A submission that has a folder in ``processing/``; ``touched`` is when its last stage was done.

    ``in_hand`` means that a run of this machine works on it now. ``elsewhere`` names another machine, which
    is known only where a stage takes long enough to write its progress.
    """

    object: str
    drop: Path
    position: SubmissionPosition
    touched: datetime
    in_hand: bool
    elsewhere: str

    @property
    def runs(self) -> bool:
        """Whether a run is known to work on it."""
        return self.in_hand or bool(self.elsewhere)


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """The archive ``at`` one moment. ``latest`` are today's and the open ends, newest first.

    ``inboxes`` is the watcher's last report, ``None`` where there is none; ``watcher_fault`` says why the
    inboxes are not watched now, as far as is known here, and is empty where they are. ``taken`` are the
    drops that were taken from an inbox and have no answer yet; ``troubles`` names the areas and submissions
    that cannot be read now. ``stores`` are all of them, each looked at just now. ``directory`` is the
    installation's. ``open_alarms`` are those that are not closed, the oldest first. ``damage`` is what
    audits found not to be as it was kept. ``holds`` are the places whose drops wait until they are released.
    """

    at: datetime
    counts: Counts
    on_its_way: tuple[SubmissionUnderWay, ...]
    latest: tuple[Conclusion, ...]
    inboxes: InboxReport | None
    taken: tuple[Pending, ...]
    troubles: tuple[str, ...] = ()
    stores: tuple[StoreStatus, ...] = ()
    watcher_fault: str = ""
    directory: Path = Path()
    open_alarms: tuple[Queued, ...] = ()
    damage: OpenDamage | None = None
    holds: tuple[Hold, ...] = ()

    def hold_on(self, one: Pending) -> Hold | None:
        """Return the hold because of which a take waits; ``None`` where it is not held, or was tried."""
        return hold_on(InboxPlace.of(one.take), self.holds) if one.attempts is None else None

    @property
    def is_watched(self) -> bool:
        """Whether the inboxes are watched."""
        return not self.watcher_fault


def archive_status(installation: Installation) -> ArchiveStatus:
    """Read the status from the catalogue and from ``processing/``.

    Raises ``StorageError`` where the database does not answer.
    """
    settings = installation.settings
    backlog = Backlog(settings.areas)
    taken = tuple(backlog.pending())
    at = now()
    damaged: list[str] = []
    holds: tuple[Hold, ...] = ()
    try:
        holds = HoldBook(settings).now()
    except IntegrityError as error:
        damaged.append(str(error))
    return ArchiveStatus(
        at,
        installation.catalogue.counts(),
        tuple(_on_its_way(settings.processing, at, damaged)),
        tuple(sorted(_latest(installation), key=lambda end: end.concluded_at, reverse=True)),
        read_inbox_report(settings),
        taken,
        (*backlog.troubles.values(), *damaged),
        store_statuses(installation, _REPLICAS),
        watcher_fault(settings, at),
        settings.directory,
        tuple(outbox_of(settings).open_alarms()),
        open_damage(installation.audits),
        holds,
    )


def _latest(installation: Installation) -> Iterator[Conclusion]:
    """Yield today's stored submissions, all that stopped for now, and the latest that were sent back."""
    today = now().date()
    yield from takewhile(
        lambda end: end.concluded_at.date() == today, installation.catalogue.conclusions(Verdict.STORED)
    )
    sent_back = islice(installation.catalogue.conclusions(Verdict.REJECTED), _LATEST)
    # Few, for one that goes on ends as something else.
    stopped = map(installation.catalogue.conclusions, (Verdict.WAITING, Verdict.INTERRUPTED))
    for end in chain(sent_back, *stopped):
        if not _is_past(end, installation):
            yield end


def _is_past(end: Conclusion, installation: Installation) -> bool:
    """Return whether the end is settled.

    So it is where the object was tried again since and is kept now, and where a submission that ended for now
    is on its way no more.
    """
    if end.verdict is not Verdict.REJECTED and not _is_on_its_way(end, installation):
        return True
    kept = installation.catalogue.latest(end.submission.object)
    return kept is not None and kept.registered_at > end.concluded_at


def _is_on_its_way(end: Conclusion, installation: Installation) -> bool:
    workspace = Workspace(workspace_root(installation.settings.processing, end.submission.object))
    try:
        return workspace.submission.identifier == end.submission.identifier
    except FileNotFoundError:
        return False
    except (IntegrityError, StopIteration):
        # What cannot be read is not settled.
        return True


def _on_its_way(processing: Path, at: datetime, damaged: list[str]) -> Iterator[SubmissionUnderWay]:
    """Yield what has a folder; the reason why one cannot be read is added to ``damaged``."""
    locked = _locked_files()
    for folder in sorted(processing.glob("[!.]*/[!.]*/")):
        workspace = Workspace(folder)
        if not workspace.claim.exist:
            continue
        try:
            submission = workspace.submission
            position = position_of(workspace)
            touched = _touched(workspace, position)
        except FileNotFoundError:
            # Answered in the meantime.
            continue
        except IntegrityError as error:
            damaged.append(str(error))
            continue
        except StopIteration:
            damaged.append(
                f"{folder}: a record there is empty; remove the folder and preserve the drop again"
            )
            continue
        yield SubmissionUnderWay(
            str(submission.object),
            submission.drop,
            position,
            touched,
            _inode(lock_of(processing, submission.object)) in locked,
            _elsewhere(position, at),
        )


def _touched(workspace: Workspace, position: SubmissionPosition) -> datetime:
    record = workspace.events(position.last) if position.last else workspace.claim
    return datetime.fromtimestamp(record.path.stat().st_mtime, UTC)


def _elsewhere(position: SubmissionPosition, at: datetime) -> str:
    """Return the other machine that recently wrote the progress; ``""`` where there is none."""
    progress = position.progress
    if progress is None or progress.by.is_here or progress.is_silent(at):
        return ""
    return progress.by.host


def _locked_files() -> frozenset[str]:
    """Return the inodes that are locked on this machine; testing a lock must not take it."""
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
