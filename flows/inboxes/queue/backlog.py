"""The backlog: the takes that have their drop and no answer, and their attempts as they count.

Reading it again reads only what changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.attempts import Attempts, attempts_file, attempts_of
from flows.inboxes.queue.takes import Take, TakeId, take_folders, take_of
from flows.installation.areas import Area
from flows.installation.processes import this_process
from flows.submission.workspace import Workspace
from preservation.model.paths import printable


@dataclass(frozen=True, slots=True)
class Pending:
    """A take that has its drop and no answer. ``attempts`` is ``None`` where it was given to no run yet."""

    take: Take
    attempts: Attempts | None = None


class Backlog:
    """Reads what is pending in ``areas``. A take never changes; its attempts do.

    ``troubles`` says, by area, what could not be read the last time.
    """

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = tuple(areas)
        self._takes: dict[Path, Take] = {}
        self._attempts: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles: dict[Path, str] = {}

    def pending(self) -> list[Pending]:
        """Return what is pending now, area by area; what cannot be read is left out. Raises nothing."""
        takes: dict[Path, Take] = {}
        attempts: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles = {}
        found = []
        for area in self._areas:
            for folder in self._folders(area):
                try:
                    take = self._takes.get(folder) or take_of(folder, area)
                    if take is None or is_answered(take) or not take.has_drop:
                        continue
                    attempts[folder] = self._attempts_of(take)
                except OSError as error:
                    self._record_trouble(area, error)
                    continue
                takes[folder] = take
                found.append(Pending(take, attempts[folder][1]))
        self._takes, self._attempts = takes, attempts
        return found

    def _folders(self, area: Area) -> list[Path]:
        try:
            return take_folders(area)
        except OSError as error:
            self._record_trouble(area, error)
            return []

    def _record_trouble(self, area: Area, error: OSError) -> None:
        self.troubles[area.root] = (
            f"{printable(str(area.root))}: what was taken from its inboxes cannot be read "
            f"({error.strerror or error}); they are read again when its disk answers"
        )

    def _attempts_of(self, take: Take) -> tuple[int, Attempts | None]:
        try:
            changed = attempts_file(take).stat().st_mtime_ns
        except FileNotFoundError:
            return 0, None
        known = self._attempts.get(take.folder)
        return known if known is not None and known[0] == changed else (changed, attempts_of(take))


class AttemptCounter:
    """Counts attempts for one service. ``processing`` is the folder of the submissions' workspaces."""

    def __init__(self, processing: Path) -> None:
        self._processing = processing
        self._first_sight: dict[TakeId, tuple[datetime, datetime]] = {}

    def count(self, pending: Iterable[Pending], at: datetime) -> list[Pending]:
        """Return what is pending with its attempts as they count at ``at``. Raises nothing."""
        before, self._first_sight = self._first_sight, {}
        return [
            one
            if one.attempts is None
            else replace(one, attempts=self._count_one(one.take, one.attempts, before, at))
            for one in pending
        ]

    def _count_one(
        self, take: Take, attempts: Attempts, before: dict[TakeId, tuple[datetime, datetime]], at: datetime
    ) -> Attempts:
        if attempts.verdict is None:
            if _has_progressed(self._processing, take, attempts.at):
                attempts = msgspec.structs.replace(attempts, runs=0, excused=0)
            elif attempts.by is not None and attempts.by != this_process():
                # It ended with the service that asked for it.
                excused = min(attempts.runs, attempts.excused + 1)
                attempts = msgspec.structs.replace(attempts, excused=excused)
        if attempts.at <= at:
            return attempts
        # Recorded before the clock was set back, or by a machine whose clock is ahead: it counts from now on.
        recorded, seen = before.get(take.id, (attempts.at, at))
        if recorded != attempts.at or seen > at:
            seen = at
        self._first_sight[take.id] = attempts.at, seen
        return msgspec.structs.replace(attempts, at=seen)


def _has_progressed(processing: Path, take: Take, since: datetime) -> bool:
    """Return whether a stage of the take's submission was finished after that time."""
    object_id = take.object_id
    workspace = Workspace(processing / object_id.collection / object_id.name)
    try:
        return any(
            datetime.fromtimestamp(events.stat().st_mtime, UTC) > since
            for events in workspace.root.glob("events-*.jsonl")
        )
    except OSError:
        return False
