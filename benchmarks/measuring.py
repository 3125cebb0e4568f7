"""Measuring whole commands: wall and processor seconds, peak memory; peers in turn, medians, ratios."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: seconds of wall and processor time, peak memory in MiB of the largest process."""

    wall: float
    cpu: float
    peak: float


def run(commands: Sequence[Sequence[str]], env: Mapping[str, str] | None = None) -> Figures:
    """Run the commands one after another and add up what they took. Exits where one of them fails."""
    wall = cpu = peak = 0.0
    for command in commands:
        before = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
        )
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall += time.perf_counter() - before
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss / 1024)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{said.decode()}")
    return Figures(wall, cpu, peak)


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians of runs taken in turn, and the median of the ratios round by round."""

    ours: Figures
    theirs: Figures
    wall_ratio: float
    cpu_ratio: float
    rounds: int


def compare(ours: Callable[[], Figures], theirs: Callable[[], Figures], rounds: int) -> Compared:
    """Run both in turn, ``rounds`` times after one warm-up of each."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return Compared(
        _medians([pair[0] for pair in pairs]),
        _medians([pair[1] for pair in pairs]),
        median(one.wall / other.wall for one, other in pairs),
        median(one.cpu / other.cpu for one, other in pairs),
        rounds,
    )


def _medians(runs: Sequence[Figures]) -> Figures:
    return Figures(
        median(run.wall for run in runs), median(run.cpu for run in runs), max(run.peak for run in runs)
    )


def peak_of_this_process() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
