"""How far a stage has come, as a value: percent, rate, and the time left where that can be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from statistics import fmean
from typing import Final

import msgspec

from flows.installation.processes import Process
from flows.submission.workspace import Extent, Workspace
from preservation.model.amounts import byte_size
from preservation.model.verdicts import Verdict

_FOR_NOW: Final = frozenset({Verdict.INTERRUPTED, Verdict.WAITING})


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen: from 0 to 100, and in words."""

    percent: float
    words: str


def seen(label: str, workspaces: Sequence[Workspace], moment: datetime) -> Shown:
    """Look how far the run called ``label`` is with its drops, each of which counts the same."""
    ways = [None if _has_ended(workspace) else way_of(workspace) for workspace in workspaces]
    under_way = [way for way in ways if way is not None]
    percent = fmean(100.0 if way is None else way.percent for way in ways) if ways else 100.0
    if not under_way:
        return Shown(percent, f"{label}: it is answered")
    # A run takes all of its drops through one stage, then all through the next.
    behind = min(under_way, key=lambda way: list(SHARES).index(way.stage) if way.stage else len(SHARES))
    of_them = [label, behind.stage or "answer"]
    if len(ways) > 1:
        of_them.append(f"{sum(way is None or way.last != behind.last for way in ways)} of {len(ways)} drops")
    told = next((way.progress for way in under_way if way.progress is not None), None)
    if told is not None:
        of_them.append(in_words(told, moment))
    return Shown(percent, ": ".join(of_them))


def _has_ended(workspace: Workspace) -> bool:
    """Say whether it ended for good. What was answered has no folder any more."""
    if not workspace.claim.exist:
        return True
    return any(ending.verdict not in _FOR_NOW for ending in workspace.ending.so_far)


_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


def in_words(progress: StageProgress, moment: datetime) -> str:
    """Say how far it is, seen from ``moment``: ``42 %, 1,204 of 2,870 files, 210.0 MB/s, 2 min left``."""
    return ", ".join(_parts(progress, moment))


def percent_in_words(percent: float | None) -> str:
    """Return ``42 %``; nothing where it is not known."""
    # Done is done only when it has ended: 99.7 is not rounded up to it.
    return "" if percent is None else f"{int(percent)} %"


def done_in_words(progress: StageProgress) -> str:
    """Return the percentage, or how much was done so far where it is not known of how much."""
    return percent_in_words(progress.percent) or so_far_in_words(progress)


def rate_in_words(progress: StageProgress, moment: datetime) -> str:
    """Return the bytes that are done in a second, or the files where no bytes are counted."""
    rate = progress.rate(moment)
    if rate is None:
        return ""
    if progress.is_silent(moment):
        # A stage that has gone through everything may have something to finish yet.
        return "" if progress.done == progress.of else "nothing moves"
    return f"{byte_size(round(rate.bytes))}/s" if progress.done.bytes else f"{rate.files:,.1f} files/s"


def left_in_words(left: timedelta | None) -> str:
    """Return the time left, no more exactly than anybody can know it; nothing where it cannot be said."""
    if left is None:
        return ""
    if left < _MINUTE:
        return "less than a minute"
    if left < 2 * _HOUR:
        return f"{left / _MINUTE:.0f} min"
    return f"{left / _HOUR:.0f} h"


def so_far_in_words(progress: StageProgress) -> str:
    """Return what is done of how much; where several lanes have a percentage, that says more."""
    if progress.of is not None and len(progress.lanes) > 1:
        return ""
    behind = min(progress.lanes, key=lambda lane: lane.done.files)
    done, of = behind.done, progress.of
    size = f", {byte_size(done.bytes)}" if done.bytes else ""
    if of is None:
        return f"{done.files:,} files{size} so far"
    of_size = f"{size} of {byte_size(of.bytes)}" if size else ""
    return f"{done.files:,} of {of.files:,} files{of_size}"


def _parts(progress: StageProgress, moment: datetime) -> Iterator[str]:
    percent = percent_in_words(progress.percent)
    if percent and len(progress.lanes) > 1:
        lanes = (f"{lane.name} {percent_in_words(lane.percent)}" for lane in progress.lanes)
        percent = f"{percent} ({', '.join(lanes)})"
    so_far, rate, left = so_far_in_words(progress), rate_in_words(progress, moment), progress.left(moment)
    yield from filter(None, (percent, so_far, rate))
    if left is not None:
        yield f"{left_in_words(left)} left"


SHARES: Final = {
    "survey": 40.0,
    "screen": 10.0,
    "plan": 1.0,
    "normalize": 10.0,
    "package": 3.0,
    "replicate": 34.0,
    "register": 2.0,
}
"""The stages in their order, and what share each has in the whole way, in percent.

No more than a rough measure (docs/performance.md has the times): no time is told by it.
"""

_LAST_LONG: Final = "replicate"
"""After it nothing takes long: when it has ended, all has."""


@dataclass(frozen=True, slots=True)
class Way:
    """How far a submission is: the ``stage`` that it is in, or goes on with, and the ``last`` one done.

    Either is empty where there is none. ``progress`` is what that stage told, where it takes long.
    """

    last: str
    stage: str
    progress: StageProgress | None

    @property
    def percent(self) -> float:
        """How much of the whole way is behind it, roughly, from 0 to 100."""
        if not self.stage:
            return 100.0
        behind = 0.0
        for stage, share in SHARES.items():
            if stage == self.stage:
                inside = self.progress.percent if self.progress else None
                return behind + share * (inside or 0.0) / 100
            behind += share
        return behind

    def left(self, moment: datetime) -> timedelta | None:
        """Return how long the whole way will take yet: only in the last long stage can that be said."""
        return self.progress.left(moment) if self.progress and self.stage == _LAST_LONG else None


def way_of(workspace: Workspace) -> Way:
    """Look how far a submission is; nothing is held up by that."""
    last = ""
    for stage in SHARES:
        if not workspace.events(stage).exist:
            told = _told(workspace)
            return Way(last, stage, told if told is not None and told.stage == stage else None)
        last = stage
    return Way(last, "", None)


def _told(workspace: Workspace) -> StageProgress | None:
    try:
        return msgspec.json.decode(workspace.progress.read_bytes(), type=StageProgress)
    except (OSError, msgspec.MsgspecError):
        return None


_FILE_COSTS: Final = 64 << 10
"""Bytes that take as long as one file more: measured with files of 1 KB to 50 MB, survey and stores alike."""

_SHORTEST_WINDOW: Final = 2.0
_SILENT_SECONDS: Final = 60.0
"""Where nothing moved for so long, nobody knows when it goes on."""


class Lane(msgspec.Struct, frozen=True):
    """One of the works of a stage that go on beside each other.

    ``of`` is how much it is in all, ``None`` where that is not known. ``before`` is what was done of it when
    the window of its ``StageProgress`` began.
    """

    name: str
    done: Extent
    before: Extent
    of: Extent | None

    @property
    def percent(self) -> float | None:
        """How much of it is done, from 0 to 100; ``None`` where it is not known how much it is."""
        return None if self.of is None else _percent(self.done, self.of)


@dataclass(frozen=True, slots=True)
class Rate:
    """What is done in a second, all lanes taken together."""

    files: float
    bytes: float


class StageProgress(msgspec.Struct, frozen=True):
    """How far a stage had come at ``at``; it ``began`` then. ``window`` is in seconds, and ends at ``at``.

    A file that a stage goes through several times, to write it to each store and to read it back, counts
    each time.
    """

    stage: str
    began: datetime
    at: datetime
    by: Process
    window: float
    lanes: tuple[Lane, ...]

    @property
    def done(self) -> Extent:
        """What all lanes have done."""
        return _sum(lane.done for lane in self.lanes)

    @property
    def of(self) -> Extent | None:
        """How much there is to do in all lanes, where it is known of each."""
        known = [lane.of for lane in self.lanes if lane.of is not None]
        return _sum(known) if len(known) == len(self.lanes) else None

    @property
    def percent(self) -> float | None:
        """How much of the stage is done, from 0 to 100; ``None`` where it is not known how much it is."""
        return None if self.of is None else _percent(self.done, self.of)

    def is_silent(self, moment: datetime) -> bool:
        """Say whether nothing has moved for so long that nobody can say when it goes on."""
        return self._silence(moment) > _SILENT_SECONDS

    def rate(self, moment: datetime) -> Rate | None:
        """Return the rate lately, seen from ``moment``: where nothing more is told, it falls.

        ``None`` where it was not watched for long enough.
        """
        seconds = self._seconds(moment)
        if seconds < _SHORTEST_WINDOW:
            return None
        before = _sum(lane.before for lane in self.lanes)
        return Rate(
            max(0, self.done.files - before.files) / seconds, max(0, self.done.bytes - before.bytes) / seconds
        )

    def left(self, moment: datetime) -> timedelta | None:
        """Return how long the stage will take yet, at the rate of the lane that takes longest.

        ``None`` where that cannot be said: the total is not known, or nothing moves.
        """
        seconds = self._seconds(moment)
        if self.of is None or seconds < _SHORTEST_WINDOW or self.is_silent(moment):
            return None
        longest = 0.0
        for lane in self.lanes:
            to_do = _effort(lane.of or lane.done) - _effort(lane.done)
            moved = _effort(lane.done) - _effort(lane.before)
            if to_do > 0 and moved <= 0:
                return None
            longest = max(longest, to_do * seconds / moved if to_do > 0 else 0.0)
        return timedelta(seconds=round(longest))

    def _silence(self, moment: datetime) -> float:
        # A clock that was set back, or that of another machine, makes nobody travel in time.
        return max(0.0, (moment - self.at).total_seconds())

    def _seconds(self, moment: datetime) -> float:
        return self.window + self._silence(moment)


def _effort(amount: Extent) -> int:
    return amount.bytes + amount.files * _FILE_COSTS


def _percent(done: Extent, of: Extent) -> float | None:
    # What is there to do may have been counted before somebody added to it.
    return min(100.0, 100 * _effort(done) / _effort(of)) if _effort(of) else None


def _sum(amounts: Iterable[Extent]) -> Extent:
    return reduce(
        lambda one, other: Extent(one.files + other.files, one.bytes + other.bytes), amounts, _NOTHING
    )


_NOTHING: Final = Extent(0, 0)
