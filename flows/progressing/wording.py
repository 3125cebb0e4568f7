"""How far a stage has come, in the words of the log, the table and Prefect's UI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from flows.progressing.stage_progress import StageProgress
from preservation.model.amounts import byte_size

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
