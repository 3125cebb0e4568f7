"""How far a stage has come, as a value: percent, rate, and the time left where that can be said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Final

import msgspec

from flows.processes import Process
from flows.workspace import Tally

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
    done: Tally
    before: Tally
    of: Tally | None

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
    def done(self) -> Tally:
        """What all lanes have done."""
        return _sum(lane.done for lane in self.lanes)

    @property
    def of(self) -> Tally | None:
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


def _effort(amount: Tally) -> int:
    return amount.bytes + amount.files * _FILE_COSTS


def _percent(done: Tally, of: Tally) -> float | None:
    # What is there to do may have been counted before somebody added to it.
    return min(100.0, 100 * _effort(done) / _effort(of)) if _effort(of) else None


def _sum(amounts: Iterable[Tally]) -> Tally:
    return reduce(
        lambda one, other: Tally(one.files + other.files, one.bytes + other.bytes), amounts, _NOTHING
    )


_NOTHING: Final = Tally(0, 0)
