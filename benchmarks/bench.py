"""What every row is measured with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.corpora import Corpora
from benchmarks.installation import Installation
from benchmarks.leavings import Leavings
from benchmarks.measuring import Figures, Rounds, in_turn
from benchmarks.service import Service
from benchmarks.table import Breakdown, Row

Line: TypeAlias = Row | Breakdown


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the sets of files and everything else lie, and how often each comparison is made.

    ``warm_up`` says whether each is made once more beforehand; ``installed`` gives what we preserve into,
    ``service`` the service that runs in an installation of its own.
    """

    work: Path
    corpora: Corpora
    leavings: Leavings
    rounds: int
    warm_up: bool
    installed: Callable[[], Installation]
    service: Callable[[], Service]

    def in_turn(self, runs: Mapping[str, Callable[[], Figures]]) -> Rounds:
        """Make a comparison."""
        return in_turn(runs, self.rounds, warm_up=self.warm_up)
