"""Which of a take's runs count against it: not those that ended for no fault of the drop's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from flows.processes import this_process
from flows.watching.backlog import Pending
from flows.watching.takes import Take, TakeId
from flows.watching.tries import Tries
from flows.workspace import Workspace


class Counting:
    """Counts for one service. ``processing`` is where submissions leave what their stages found."""

    def __init__(self, processing: Path) -> None:
        self._processing = processing
        self._first_sight: dict[TakeId, tuple[datetime, datetime]] = {}

    def counted(self, pending: Iterable[Pending], at: datetime) -> list[Pending]:
        """Return what is pending with its tries as they count at ``at``. Raises nothing."""
        before, self._first_sight = self._first_sight, {}
        return [
            one if one.tries is None else replace(one, tries=self._counted(one.take, one.tries, before, at))
            for one in pending
        ]

    def _counted(
        self,
        take: Take,
        tries: Tries,
        before: dict[TakeId, tuple[datetime, datetime]],
        at: datetime,
    ) -> Tries:
        if tries.verdict is None:
            if _has_got_on(self._processing, take, tries.at):
                tries = msgspec.structs.replace(tries, runs=0, excused=0)
            elif tries.by is not None and tries.by != this_process():
                # It ended with the service that asked for it.
                tries = msgspec.structs.replace(tries, excused=min(tries.runs, tries.excused + 1))
        if tries.at <= at:
            return tries
        # Noted before the clock was set back, or by a machine whose clock is ahead: it counts from now on.
        noted, seen = before.get(take.id, (tries.at, at))
        if noted != tries.at or seen > at:
            seen = at
        self._first_sight[take.id] = tries.at, seen
        return msgspec.structs.replace(tries, at=seen)


def _has_got_on(processing: Path, take: Take, since: datetime) -> bool:
    """Say whether a stage of the take's submission was finished after that time."""
    object_id = take.object_id
    workspace = Workspace(processing / object_id.collection / object_id.name)
    try:
        return any(
            datetime.fromtimestamp(events.stat().st_mtime, UTC) > since
            for events in workspace.root.glob("events-*.jsonl")
        )
    except OSError:
        return False
