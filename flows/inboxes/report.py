"""What waits in the inboxes, in one small file, for whoever asks how things stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.folder.watcher import Swept, Waiting
from flows.inboxes.heartbeat import Heartbeat, read_beat
from flows.installation.processes import Process, this_process
from flows.installation.settings import Settings
from preservation.files.durable import written_whole
from preservation.model.paths import printable

_FORGOTTEN_AFTER: Final = timedelta(minutes=10)
"""A fault that is not told for so long is over: between two tries, and after a restart, none is told."""


class LastingFaults:
    """Remembers since when each fault lasts, by its path; ``since`` is what was known before a restart."""

    def __init__(self, since: Mapping[str, datetime]) -> None:
        self._since = dict(since)
        self._told_at: dict[str, datetime] = {}

    def note(self, faults: Collection[str], waiting: Collection[str], at: datetime) -> dict[str, datetime]:
        """Note which there are ``at`` that time; return since when each that is not over lasts.

        What failed and is ``waiting`` is being tried again.
        """
        for path in {*faults, *(self._since.keys() & set(waiting))}:
            # What was first told in the future was told before the clock was set back.
            self._since[path] = min(self._since.get(path, at), at)
            self._told_at[path] = at
        for path in list(self._since):
            if at - self._told_at.setdefault(path, at) > _FORGOTTEN_AFTER:
                del self._since[path], self._told_at[path]
        return dict(self._since)


_MOST_NAMED: Final = 200


class WaitingDrop(msgspec.Struct, frozen=True):
    """A drop that is not complete, and why. ``path`` is as people can be shown it.

    ``since`` is when it was first seen; who publishes it knows that.
    """

    collection: str
    path: str
    files: int
    bytes: int
    reason: str
    sentence: str
    since: datetime | None = None


class PassedOverEntry(msgspec.Struct, frozen=True):
    """What lies in an inbox and is not taken, or an inbox that is not watched, and why.

    ``since`` is of faults alone: since when it fails; who publishes it knows that.
    """

    path: str
    sentence: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BucketNews:
    """What was found in a bucket inbox the last time that it was looked through."""

    waiting: tuple[WaitingDrop, ...] = ()
    passed_over: tuple[PassedOverEntry, ...] = ()
    faults: tuple[PassedOverEntry, ...] = ()


class Inboxes(msgspec.Struct, frozen=True):
    """What waits. Where very much does, what waits longest is named, and all of it is counted.

    ``by`` is the service that looked; where that is dead nobody watches.
    """

    at: datetime
    by: Process
    waiting: int
    files: int
    bytes: int
    drops: tuple[WaitingDrop, ...]
    passed_over: tuple[PassedOverEntry, ...]
    faults: tuple[PassedOverEntry, ...]


def read_inboxes(settings: Settings) -> Inboxes | None:
    """Return what the watching service said last; ``None`` where none ever did."""
    try:
        return msgspec.json.decode(_file(settings).read_bytes(), type=Inboxes)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


class Publisher:
    """Writes what waits, where it is another than before, and now and then that somebody looks."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._file = _file(settings)
        self._clock = clock
        self._said: Inboxes | None = None
        self._heart = Heartbeat(settings)
        before = read_beat(settings)
        self._since = before.since if before else {}
        self._failing = LastingFaults(before.faults if before else {})

    def publish(self, swept: Swept, buckets: Sequence[BucketNews] = ()) -> None:
        """Write what the sweep found, and what was found in buckets. Raises ``OSError``."""
        at = self._clock()
        waiting = self._waiting(swept, buckets, at)
        faults = _faults(swept, buckets)
        failing = self._failing.note({fault.path for fault in faults}, {drop.path for drop in waiting}, at)
        since = [msgspec.structs.replace(fault, since=failing[fault.path]) for fault in faults]
        told = _told(waiting, since, swept, buckets, at)
        if self._said is None or msgspec.structs.replace(told, at=self._said.at) != self._said:
            with written_whole(self._file, durable=False, suffix=str(os.getpid())) as sink:
                sink.write(msgspec.json.encode(told))
            self._said = told
        self._heart.beat(swept.again, self._since, failing, at)

    def _waiting(self, swept: Swept, buckets: Sequence[BucketNews], at: datetime) -> list[WaitingDrop]:
        """Return what waits, each with since when, and remember that."""
        waiting = [
            *(_as_told(drop) for drop in swept.waiting),
            *(drop for bucket in buckets for drop in bucket.waiting),
        ]
        # What was first seen in the future was seen before the clock was set back.
        self._since = {drop.path: min(self._since.get(drop.path, at), at) for drop in waiting}
        return [msgspec.structs.replace(drop, since=self._since[drop.path]) for drop in waiting]


def _file(settings: Settings) -> Path:
    return settings.state / "inboxes.json"


def _faults(swept: Swept, buckets: Sequence[BucketNews]) -> list[PassedOverEntry]:
    return [
        *(_entry(fault.path, fault.sentence) for fault in swept.faults),
        *(fault for bucket in buckets for fault in bucket.faults),
    ]


def _told(
    waiting: Sequence[WaitingDrop],
    faults: Sequence[PassedOverEntry],
    swept: Swept,
    buckets: Sequence[BucketNews],
    at: datetime,
) -> Inboxes:
    passed_over = [
        *(_entry(entry.path, entry.sentence) for entry in swept.passed_over[:_MOST_NAMED]),
        *(entry for bucket in buckets for entry in bucket.passed_over),
    ]
    return Inboxes(
        at=at,
        by=this_process(),
        waiting=len(waiting),
        files=sum(drop.files for drop in waiting),
        bytes=sum(drop.bytes for drop in waiting),
        drops=tuple(nsmallest(_MOST_NAMED, waiting, key=lambda drop: drop.since or at)),
        passed_over=tuple(passed_over[:_MOST_NAMED]),
        faults=tuple(faults),
    )


def _as_told(drop: Waiting) -> WaitingDrop:
    return WaitingDrop(
        drop.collection, printable(str(drop.path)), drop.files, drop.bytes, drop.reason.value, drop.sentence
    )


def _entry(path: Path, sentence: str) -> PassedOverEntry:
    return PassedOverEntry(printable(str(path)), sentence)
