"""When to kill: instants drawn from a seed, all over a run and close to where one stage follows another."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from ordeals.crash_trees import Run

_POLL_SECONDS = 0.002
_IN_BURSTS = 0.45
_WHILE_STARTING = 0.05
_BURST_SECONDS = 0.08
_ALONE = 0.15
_LONGEST_RUN_SECONDS = 600


@dataclass(frozen=True)
class Unkilled:
    """How a run goes that nobody kills: seconds until it first says something, and its end; lines it says."""

    first_word: float
    end: float
    lines: int

    def without(self, lines: int) -> Unkilled:
        """Return what is left of it when runs before have said so many lines: a sixth, at the least."""
        left = max(self.lines - lines, self.lines // 6, 1)
        share = left / self.lines
        return Unkilled(self.first_word, self.first_word + share * (self.end - self.first_word), left)


@dataclass(frozen=True)
class Instant:
    """``seconds`` after the run has said so many lines (0: after its start); ``alone`` kills no children."""

    lines: int
    seconds: float
    alone: bool

    def strike(self, run: Run) -> bool:
        """Wait for the instant and kill the run; say whether it was still running then."""
        gives_up = time.monotonic() + _LONGEST_RUN_SECONDS
        while len(run.lines()) < self.lines and not run.ended():
            assert time.monotonic() < gives_up, f"it hangs; last it said: {run.lines()[-3:]}"
            time.sleep(_POLL_SECONDS)
        due = time.monotonic() + self.seconds
        while (remaining := due - time.monotonic()) > 0:
            if run.ended():
                return False
            time.sleep(min(remaining, 0.02))
        if run.ended():
            return False
        run.kill_alone() if self.alone else run.kill()
        return True


def choose(source: random.Random, unkilled: Unkilled) -> Instant:
    """Draw an instant: uniformly over what a run does, a moment after something it said, or in its start."""
    alone = source.random() < _ALONE
    kind = source.random()
    if kind < _WHILE_STARTING:
        return Instant(0, source.uniform(0, unkilled.first_word), alone)
    if kind < _WHILE_STARTING + _IN_BURSTS:
        return Instant(source.randint(1, unkilled.lines), source.uniform(0, _BURST_SECONDS), alone)
    return Instant(1, source.uniform(0, unkilled.end - unkilled.first_word), alone)
