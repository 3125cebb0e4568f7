"""The progress of a stage as a value: percent, rate, and the time left where it can be estimated."""

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
from preservation.model.amounts import byte_size, count
from preservation.model.verdicts import Verdict

_FOR_NOW: Final = frozenset({Verdict.INTERRUPTED, Verdict.WAITING})


@dataclass(frozen=True, slots=True)
class ProgressView:
    """What the UI shows: a percentage from 0 to 100, and a sentence."""

    percent: float
    words: str


def progress_view(label: str, workspaces: Sequence[Workspace], moment: datetime) -> ProgressView:
    """Return the progress of the run called ``label``; each of its drops counts the same."""
    positions = [None if _has_ended(workspace) else position_of(workspace) for workspace in workspaces]
    under_way = [position for position in positions if position is not None]
    percents = [100.0 if position is None else position.percent for position in positions]
    percent = fmean(percents) if percents else 100.0
    if not under_way:
        return ProgressView(percent, f"{label}: it is answered")
    # A run takes all of its drops through one stage, then all through the next.
    order = list(SHARES)
    behind = min(under_way, key=lambda one: order.index(one.stage) if one.stage else len(order))
    parts = [label, behind.stage or "answer"]
    if len(positions) > 1:
        past = sum(position is None or position.last != behind.last for position in positions)
        parts.append(f"{past} of {count(len(positions), 'drop')}")
    progress = next((position.progress for position in under_way if position.progress is not None), None)
    if progress is not None:
        parts.append(in_words(progress, moment))
    return ProgressView(percent, ": ".join(parts))


def _has_ended(workspace: Workspace) -> bool:
    """Return whether it ended for good. An answered submission has no folder any more."""
    if not workspace.claim.exist:
        return True
    return any(ending.verdict not in _FOR_NOW for ending in workspace.ending.so_far)


_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


def in_words(progress: StageProgress, moment: datetime) -> str:
    """Return the progress at ``moment``: ``42 %, 1,204 of 2,870 files, 210.0 MB/s, 2 min left``."""
    return ", ".join(_parts(progress, moment))


def percent_in_words(percent: float | None) -> str:
    """Return ``42 %``; ``""`` where it is not known."""
    # 99.7 is not rounded up: only what has ended is done.
    return "" if percent is None else f"{int(percent)} %"


def done_in_words(progress: StageProgress) -> str:
    """Return the percentage, or how much was done so far where the total is not known."""
    return percent_in_words(progress.percent) or so_far_in_words(progress)


def rate_in_words(progress: StageProgress, moment: datetime) -> str:
    """Return the bytes per second, or the files per second where no bytes are counted."""
    rate = progress.rate(moment)
    if rate is None:
        return ""
    if progress.is_silent(moment):
        # A stage that has read everything may still have something to finish.
        return "" if progress.done == progress.of else "nothing moves"
    return f"{byte_size(round(rate.bytes))}/s" if progress.done.bytes else f"{rate.files:,.1f} files/s"


def left_in_words(left: timedelta | None) -> str:
    """Return the time left, rounded; ``""`` where it is not known."""
    if left is None:
        return ""
    if left < _MINUTE:
        return "less than a minute"
    if left < 2 * _HOUR:
        return f"{left / _MINUTE:.0f} min"
    return f"{left / _HOUR:.0f} h"


def so_far_in_words(progress: StageProgress) -> str:
    """Return how much is done of the total; ``""`` for several lanes, whose percentages are shown instead."""
    if progress.of is not None and len(progress.lanes) > 1:
        return ""
    behind = min(progress.lanes, key=lambda lane: lane.done.files)
    done, of = behind.done, progress.of
    size = f", {byte_size(done.bytes)}" if done.bytes else ""
    if of is None:
        return f"{count(done.files, 'file')}{size} so far"
    of_size = f"{size} of {byte_size(of.bytes)}" if size else ""
    return f"{done.files:,} of {count(of.files, 'file')}{of_size}"


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
"""The stages in their order, and the share of each in the whole work, in percent.

A rough measure (docs/performance.md has the times), which is not used to estimate times.
"""

_LAST_LONG: Final = "replicate"
"""The last stage that takes long."""


@dataclass(frozen=True, slots=True)
class SubmissionPosition:
    """How far a submission is: the ``stage`` that it is in, or goes on with, and the ``last`` one done.

    Either is empty where there is none. ``progress`` is that of the stage, where it takes long.
    """

    last: str
    stage: str
    progress: StageProgress | None

    @property
    def percent(self) -> float:
        """The share of the whole work that is done, roughly, from 0 to 100."""
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
        """Return the time left for the whole submission, which is known only in the last long stage."""
        return self.progress.left(moment) if self.progress and self.stage == _LAST_LONG else None


def position_of(workspace: Workspace) -> SubmissionPosition:
    """Return how far a submission is; takes no lock."""
    last = ""
    for stage in SHARES:
        if not workspace.events(stage).exist:
            progress = _progress_of(workspace)
            is_current = progress is not None and progress.stage == stage
            return SubmissionPosition(last, stage, progress if is_current else None)
        last = stage
    return SubmissionPosition(last, "", None)


def _progress_of(workspace: Workspace) -> StageProgress | None:
    try:
        return msgspec.json.decode(workspace.progress.read_bytes(), type=StageProgress)
    except (OSError, msgspec.MsgspecError):
        return None


_FILE_COSTS: Final = 64 << 10
"""Bytes that take as long as one more file: measured with files of 1 KB to 50 MB, in survey and stores."""

_SHORTEST_WINDOW: Final = 2.0
_SILENT_SECONDS: Final = 60.0
"""After so long without progress, no time left is given."""


class Lane(msgspec.Struct, frozen=True):
    """One of the parallel works of a stage.

    ``of`` is the total, ``None`` where it is not known. ``before`` is what was done when the window of its
    ``StageProgress`` began.
    """

    name: str
    done: Extent
    before: Extent
    of: Extent | None

    @property
    def percent(self) -> float | None:
        """How much of it is done, from 0 to 100; ``None`` where the total is not known."""
        return None if self.of is None else _percent(self.done, self.of)


@dataclass(frozen=True, slots=True)
class Rate:
    """What is done per second in all lanes together."""

    files: float
    bytes: float


class StageProgress(msgspec.Struct, frozen=True):
    """The progress at ``at`` of a stage that ``began`` then. ``window`` is in seconds, and ends at ``at``.

    A file that a stage handles several times, to write it to each store and to read it back, counts each
    time.
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
        """The total of all lanes; ``None`` where that of one is not known."""
        known = [lane.of for lane in self.lanes if lane.of is not None]
        return _sum(known) if len(known) == len(self.lanes) else None

    @property
    def percent(self) -> float | None:
        """How much of the stage is done, from 0 to 100; ``None`` where the total is not known."""
        return None if self.of is None else _percent(self.done, self.of)

    def is_silent(self, moment: datetime) -> bool:
        """Return whether there was no progress for so long that no time left can be given."""
        return self._silence(moment) > _SILENT_SECONDS

    def rate(self, moment: datetime) -> Rate | None:
        """Return the recent rate at ``moment``; it falls while no further progress is written.

        ``None`` where it was not measured for long enough.
        """
        seconds = self._seconds(moment)
        if seconds < _SHORTEST_WINDOW:
            return None
        before = _sum(lane.before for lane in self.lanes)
        return Rate(
            max(0, self.done.files - before.files) / seconds, max(0, self.done.bytes - before.bytes) / seconds
        )

    def left(self, moment: datetime) -> timedelta | None:
        """Return the time left for the stage, at the rate of the lane that takes longest.

        ``None`` where the total is not known, or there is no progress.
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
        # A clock that was set back, or of another machine, must not give a negative time.
        return max(0.0, (moment - self.at).total_seconds())

    def _seconds(self, moment: datetime) -> float:
        return self.window + self._silence(moment)


def _effort(amount: Extent) -> int:
    return amount.bytes + amount.files * _FILE_COSTS


def _percent(done: Extent, of: Extent) -> float | None:
    # The total may have been counted before something was added.
    return min(100.0, 100 * _effort(done) / _effort(of)) if _effort(of) else None


def _sum(amounts: Iterable[Extent]) -> Extent:
    return reduce(
        lambda one, other: Extent(one.files + other.files, one.bytes + other.bytes), amounts, _NOTHING
    )


_NOTHING: Final = Extent(0, 0)
