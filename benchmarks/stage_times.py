"""When the work of each kind was done: the stages' own, and the writing of receipts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from flows.submission import answer as answering
from flows.submission.stages.order import STAGES

RECEIPTS = "receipts"
"""What is work and no orchestration, though it has no stage of its own."""

REGISTER = "register"
"""What has a stage of its own and is orchestration: registering is the catalogue's."""


@dataclass(frozen=True, slots=True)
class Span:
    """One work, from when to when: seconds of the monotonic clock, which all processes share."""

    work: str
    began: float
    ended: float


Note: TypeAlias = Callable[[Span], object]


def note_work(note: Note) -> None:
    """Have all work of this process noted from now on, each when it has ended."""
    for name, stage in STAGES.items():
        STAGES[name] = replace(stage, work=_timed(name, stage.work, note))
    answering.render = _timed(RECEIPTS, answering.render, note)


def seconds_by_work(spans: Sequence[Span]) -> dict[str, float]:
    """Return the seconds that each kind of work took, in the order in which it is first done."""
    seconds: dict[str, float] = {}
    for span in spans:
        seconds[span.work] = seconds.get(span.work, 0.0) + span.ended - span.began
    return seconds


def orchestration_within(spans: Sequence[Span], began: float, ended: float) -> float:
    """Return for how many of the seconds from ``began`` to ``ended`` no work was done, by whomever."""
    idle, done = 0.0, began
    for span in sorted((span for span in spans if span.work != REGISTER), key=lambda span: span.began):
        if span.ended <= done or span.began >= ended:
            continue
        idle += max(span.began - done, 0.0)
        done = span.ended
    return idle + max(ended - done, 0.0)


def _timed(name: str, work: Callable[..., Any], note: Note) -> Callable[..., Any]:
    def timed(*given: Any) -> Any:  # noqa: ANN401  passes on whatever the work takes and returns
        with _noted(name, note):
            result = work(*given)
            # A stage tells its events as it goes: it is done when the last one is told.
            return tuple(result) if isinstance(result, Iterator) else result

    return timed


@contextmanager
def _noted(name: str, note: Note) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        note(Span(name, began, time.monotonic()))
