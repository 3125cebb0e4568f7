"""How the archive stands: what waits, what is kept, what is on its way, how submissions ended lately."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path

from flows.watching.backlog import Backlog, Pending
from flows.watching.publishing import Inboxes, read_inboxes
from flows.wiring import Installation, now
from flows.workspace import Workspace, lock_of
from preservation.errors import IntegrityError
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion, Counts

_LATEST = 10
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """A submission that has a folder in processing: ``stage`` is the last one done, ``touched`` when.

    ``in_hand`` says that a run of this machine has it in hand now.
    """

    object: str
    stage: str
    touched: datetime
    in_hand: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The archive at one moment. ``latest`` are the ends worth knowing, newest first.

    ``inboxes`` is what the watcher said last, ``None`` where none ever did; ``is_watched`` says whether that
    watcher is alive, as far as is known here. ``taken`` are the drops that were taken from an inbox and have
    no answer yet; ``troubles`` says of which areas that cannot be told now.
    """

    counts: Counts
    on_its_way: tuple[OnItsWay, ...]
    latest: tuple[Conclusion, ...]
    inboxes: Inboxes | None
    taken: tuple[Pending, ...]
    troubles: tuple[str, ...] = ()

    @property
    def is_watched(self) -> bool:
        """Say whether somebody looks at the inboxes."""
        return self.inboxes is not None and not self.inboxes.by.is_dead


def standing(installation: Installation) -> Standing:
    """Ask the catalogue and look into processing.

    Raises ``StorageError`` where the database does not answer.
    """
    settings = installation.settings
    backlog = Backlog(settings.areas)
    taken = tuple(backlog.pending())
    return Standing(
        installation.catalogue.counts(),
        tuple(_on_its_way(settings.processing)),
        tuple(sorted(_latest(installation), key=lambda end: end.concluded_at, reverse=True)),
        read_inboxes(settings),
        taken,
        tuple(backlog.troubles.values()),
    )


def _latest(installation: Installation) -> Iterator[Conclusion]:
    """Give today's stored submissions, and the latest of those that need somebody."""
    today = now().date()
    yield from takewhile(
        lambda end: end.concluded_at.date() == today, installation.catalogue.conclusions(Verdict.STORED)
    )
    for verdict in (Verdict.REJECTED, Verdict.WAITING, Verdict.INTERRUPTED):
        yield from islice(installation.catalogue.conclusions(verdict), _LATEST)


def _on_its_way(processing: Path) -> Iterator[OnItsWay]:
    locked = _locked_files()
    for folder in sorted(processing.glob("[!.]*/[!.]*/")):
        workspace = Workspace(folder)
        if not workspace.claim.exist:
            continue
        try:
            submission = workspace.submission
        except (IntegrityError, StopIteration):
            continue
        done = sorted(folder.glob("events-*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        touched = max(path.stat().st_mtime for path in (folder, *done))
        yield OnItsWay(
            str(submission.object),
            done[-1].stem.removeprefix("events-") if done else "",
            datetime.fromtimestamp(touched, UTC),
            _inode(lock_of(processing, submission.object)) in locked,
        )


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
