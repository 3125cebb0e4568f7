"""Measuring whole commands: wall and processor seconds, peak memory; peers in turn, medians, ratios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_COUNTED = str(Path(__file__).parent / "counted.py")


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: seconds of wall and processor time, peak memory in MiB of the largest process."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s cpu, {self.peak:.0f} MiB)"


def run(commands: Sequence[Sequence[str]]) -> Figures:
    """Run the commands one after another and add up what they took. Exits where one of them fails."""
    told = [_counted(command) for command in commands]
    return Figures(sum(one.wall for one in told), sum(one.cpu for one in told), max(one.peak for one in told))


def _counted(command: Sequence[str]) -> Figures:
    reading, writing = os.pipe()
    with open(reading, "rb") as figures:  # noqa: PTH123  a descriptor
        try:
            finished = subprocess.run(
                [sys.executable, "-S", _COUNTED, str(writing), *command],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(writing,),
                check=False,
            )
        finally:
            os.close(writing)
        if finished.returncode != 0:
            sys.exit(f"{' '.join(command)}\nfailed:\n{finished.stderr.decode()}")
        return Figures(**json.loads(figures.read()))


@dataclass(frozen=True, slots=True)
class Rounds:
    """The runs of each peer, by its name, taken in turn round by round."""

    runs: Mapping[str, Sequence[Figures]]

    def figures(self, name: str) -> Figures:
        """Return the medians of one peer's seconds, and its highest peak."""
        runs = self.runs[name]
        return Figures(
            median(one.wall for one in runs), median(one.cpu for one in runs), max(one.peak for one in runs)
        )

    def ratio(self, ours: str, theirs: str) -> float:
        """Return the median of the ratios of wall time, each of one round."""
        pairs = zip(self.runs[ours], self.runs[theirs], strict=True)
        return median(one.wall / other.wall for one, other in pairs)


def in_turn(peers: Mapping[str, Callable[[], Figures]], rounds: int, *, warm_up: bool) -> Rounds:
    """Run all of them in turn, ``rounds`` times, and where asked for once more beforehand."""
    for peer in peers.values() if warm_up else ():
        peer()
    runs: dict[str, list[Figures]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, peer in peers.items():
            runs[name].append(peer())
    return Rounds(runs)
