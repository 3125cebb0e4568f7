"""The report of what waits in the inboxes, in one small file, for ``muniment status`` and the alarms."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import chain, islice
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.heartbeat import HeartbeatWriter, read_heartbeat
from flows.installation.processes import Process, this_process
from flows.installation.settings import Settings
from preservation.files.durable import written_whole
from preservation.settling.settle import Moment

_FORGOTTEN_AFTER: Final = timedelta(minutes=10)
"""A fault not reported for so long is over: none is reported between two tries and after a restart."""


class FaultHistory:
    """Remembers since when each fault lasts, by path; ``since`` is what was known before a restart."""

    def __init__(self, since: Mapping[str, datetime]) -> None:
        self._since = dict(since)
        self._reported_at: dict[str, datetime] = {}

    def update(self, faults: Collection[str], waiting: Collection[str], at: datetime) -> dict[str, datetime]:
        """Record the faults there are ``at`` that time; return since when each that is not over lasts.

        A drop that failed and is ``waiting`` is being tried again, so its fault goes on.
        """
        for path in {*faults, *(self._since.keys() & set(waiting))}:
            # A time in the future was recorded before the clock was set back.
            self._since[path] = min(self._since.get(path, at), at)
            self._reported_at[path] = at
        for path in list(self._since):
            if at - self._reported_at.setdefault(path, at) > _FORGOTTEN_AFTER:
                del self._since[path], self._reported_at[path]
        return dict(self._since)


MOST_NAMED: Final = 200
"""So many entries that wait or are passed over are named; there may be any number of them."""


class WaitingDrop(msgspec.Struct, frozen=True):
    """A drop that is not complete, and why. ``path`` is printable.

    ``since``, when it was first seen, is filled in by the ``ReportWriter``.
    """

    collection: str
    path: str
    files: int
    bytes: int
    reason: str
    sentence: str
    since: datetime | None = None


class PassedOverEntry(msgspec.Struct, frozen=True):
    """An entry of an inbox that is not taken, or an inbox that is not watched, and why.

    ``since``, since when it fails, is of faults alone and is filled in by the ``ReportWriter``.
    """

    path: str
    sentence: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """What was found in inboxes and is not taken."""

    waiting: tuple[WaitingDrop, ...] = ()
    passed_over: tuple[PassedOverEntry, ...] = ()
    faults: tuple[PassedOverEntry, ...] = ()


class InboxReport(msgspec.Struct, frozen=True):
    """What waits: all of it is counted, and the drops that have waited longest are named.

    ``by`` is the service that swept; where it is dead, the inboxes are not watched.
    """

    at: datetime
    by: Process
    waiting: int
    files: int
    bytes: int
    drops: tuple[WaitingDrop, ...]
    passed_over: tuple[PassedOverEntry, ...]
    faults: tuple[PassedOverEntry, ...]


def read_inbox_report(settings: Settings) -> InboxReport | None:
    """Return the last report of the watching service; ``None`` where there is none."""
    try:
        return msgspec.json.decode(_file(settings).read_bytes(), type=InboxReport)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


class ReportWriter:
    """Writes the report where it differs from the one before, or is not there as written; and a heartbeat."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._file = _file(settings)
        self._clock = clock
        self._last: InboxReport | None = None
        self._written: tuple[int, int] | None = None
        self._heartbeat = HeartbeatWriter(settings)
        before = read_heartbeat(settings)
        self._since = before.since if before else {}
        self._failing = FaultHistory(before.faults if before else {})

    def write(self, again: Moment, *statuses: InboxStatus) -> None:
        """Write what was found in all inboxes; the next sweep is due at ``again``. Raises ``OSError``."""
        at = self._clock()
        waiting = self._waiting(statuses, at)
        faults = list(chain.from_iterable(status.faults for status in statuses))
        passed_over = chain.from_iterable(status.passed_over for status in statuses)
        failing = self._failing.update({fault.path for fault in faults}, {drop.path for drop in waiting}, at)
        report = InboxReport(
            at=at,
            by=this_process(),
            waiting=len(waiting),
            files=sum(drop.files for drop in waiting),
            bytes=sum(drop.bytes for drop in waiting),
            drops=tuple(nsmallest(MOST_NAMED, waiting, key=lambda drop: drop.since or at)),
            passed_over=tuple(islice(passed_over, MOST_NAMED)),
            faults=tuple(msgspec.structs.replace(fault, since=failing[fault.path]) for fault in faults),
        )
        is_new = self._last is None or msgspec.structs.replace(report, at=self._last.at) != self._last
        if is_new or self._written is None or self._on_disk() != self._written:
            with written_whole(self._file, durable=False, suffix=str(os.getpid())) as sink:
                sink.write(msgspec.json.encode(report))
            self._last, self._written = report, self._on_disk()
        self._heartbeat.write(again, self._since, failing, at)

    def _on_disk(self) -> tuple[int, int] | None:
        """Return which file is there now, and of when."""
        try:
            state = self._file.stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_mtime_ns

    def _waiting(self, statuses: Sequence[InboxStatus], at: datetime) -> list[WaitingDrop]:
        """Return what waits, each with its time, and remember that."""
        waiting = list(chain.from_iterable(status.waiting for status in statuses))
        # A time in the future was recorded before the clock was set back.
        self._since = {drop.path: min(self._since.get(drop.path, at), at) for drop in waiting}
        return [msgspec.structs.replace(drop, since=self._since[drop.path]) for drop in waiting]


def _file(settings: Settings) -> Path:
    return settings.state / "inboxes.json"
