"""What is measured of the running service, row by row."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, Line
from benchmarks.processes import cpu_seconds
from benchmarks.service import Service
from benchmarks.stage_times import REGISTER, orchestration_within, seconds_by_work
from benchmarks.table import Breakdown, Row
from benchmarks.watcher import at_rest, sweeps, watched

WAITING = "100,000 files in 1,000 waiting drops"
SMALL_DROPS = "200 drops of 10 x 100 KB"
_MB = 1_000_000
_REST_SECONDS, _TINY_REST_SECONDS = 120.0, 2.0
_TIMES_A_SWEEP = 450
"""Every file is looked at again after 400 times what that takes: this window has it in it."""

_DROPS_ONE_BY_ONE, _TINY_DROPS_ONE_BY_ONE = 20, 2


def watching(bench: Bench) -> Iterator[Line]:
    """Measure one look at all that waits, and what it takes to wait on."""
    drops = bench.corpora.made(WAITING)
    waiting = sum(1 for _ in drops.iterdir())
    with watched(bench.work, drops) as settings:
        sweep = sweeps(settings, bench.rounds)
        seconds = max(_REST_SECONDS, _TIMES_A_SWEEP * sweep.cpu)
        if bench.corpora.tiny:
            seconds = _TINY_REST_SECONDS
        rest = at_rest(settings, waiting, seconds)
    took = f"{sweep.wall:.2f} s ({sweep.cpu:.2f} s cpu)"
    yield Row(f"one sweep, {WAITING}", took, "", sweep.wall, 2.0, " s")
    yield Row(
        f"watching at rest, {WAITING}, share of a core", "", f"over {seconds:.0f} s", rest.percent, 1.0, "%"
    )
    yield Row(f"watching, {WAITING}, peak memory of the watcher", "", "", rest.peak / _MB, 150.0, " MB")


def flow_start(bench: Bench) -> Iterator[Line]:
    """Measure how long a settled drop waits for the start of its flow run, in a service at rest."""
    drops = sorted(bench.corpora.made(SMALL_DROPS).iterdir())
    times = _TINY_DROPS_ONE_BY_ONE if bench.corpora.tiny else _DROPS_ONE_BY_ONE
    service = bench.service()
    phases = random.Random(times)  # noqa: S311  when to drop next, no secret
    starts = []
    for number in range(times + 1):
        dropped = service.drop([drops[number % len(drops)]])
        service.last_answer(dropped)
        (run,) = service.runs_of(dropped)
        starts.append(_Start(run.asked - dropped.settled, run.fetched - run.asked, run.began - run.fetched))
        # So that drops come at any moment between two looks of whoever looks now and then.
        time.sleep(phases.uniform(1, 2))
    service.put_away()
    # The first one finds nothing warm.
    starts = starts[1:]
    yield Row(
        "from settled to the start of the flow run, longest",
        f"median {median(start.seconds for start in starts):.2f} s: "
        f"until Prefect is asked {median(start.until_asked for start in starts):.2f} s, "
        f"a worker has it {median(start.until_fetched for start in starts):.2f} s, "
        f"it starts {median(start.until_begun for start in starts):.2f} s",
        f"{times} drops of 10 x 100 KB, one by one",
        max(start.seconds for start in starts),
        2.0,
        " s",
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """The seconds from settled to the start of a flow run: one after another, who was waited for."""

    until_asked: float
    until_fetched: float
    until_begun: float

    @property
    def seconds(self) -> float:
        return self.until_asked + self.until_fetched + self.until_begun


@dataclass(frozen=True, slots=True)
class _Served:
    """Many drops that a service preserved: seconds from settled to the last answer, and what they went into.

    ``idle`` of them no stage of any run was at work; ``in_runs`` are the seconds of all flow runs together,
    ``server`` the processor time of Prefect's server.
    """

    wall: float
    idle: float
    runs: int
    in_runs: float
    seconds: dict[str, float]
    server: float

    @property
    def idle_in_runs(self) -> float:
        """Seconds of the flow runs in which they did no stage's work."""
        work = sum(seconds for name, seconds in self.seconds.items() if name != REGISTER)
        return self.in_runs - work


def many_small_drops(bench: Bench) -> Iterator[Line]:
    """Measure what many small drops at once take on their way through the service, and what of it is work."""
    drops = sorted(bench.corpora.made(SMALL_DROPS).iterdir())
    service = bench.service()
    _served(service, drops[:1])
    rounds = [_served(service, drops) for _ in range(bench.rounds)]
    wall, idle = median(one.wall for one in rounds), median(one.idle for one in rounds)
    what = f"{len(drops)} drops of 10 x 100 KB through the service"
    yield Row(
        f"{what}: share of the wall time in which no stage works",
        f"{wall:.2f} s from settled to the last answer, {idle:.2f} s of it without",
        f"Prefect's server {median(one.server for one in rounds):.2f} s cpu",
        100 * median(one.idle / one.wall for one in rounds),
        15.0,
        "%",
    )
    in_runs, idle = median(one.in_runs for one in rounds), median(one.idle_in_runs for one in rounds)
    yield Row(
        f"{what}: orchestration, share of the time of its flow runs",
        f"{in_runs:.2f} s in all flow runs together, {idle:.2f} s of it orchestration",
        "",
        100 * median(one.idle_in_runs / one.in_runs for one in rounds),
        15.0,
        "%",
    )
    yield Row(f"{what}: flow runs", "", "", max(one.runs for one in rounds), len(drops) / 10, " runs")
    yield Breakdown(f"{what}, its flow runs together", in_runs, _medians([one.seconds for one in rounds]))


def _served(service: Service, drops: Sequence[Path]) -> _Served:
    before = cpu_seconds(service.server)
    dropped = service.drop(drops)
    answered = service.last_answer(dropped)
    server = cpu_seconds(service.server) - before
    runs = service.runs_of(dropped)
    work = service.work()
    service.put_away()
    return _Served(
        answered - dropped.settled,
        orchestration_within(work, dropped.settled, answered),
        len(runs),
        sum(run.ended - run.began for run in runs),
        seconds_by_work(work),
        server,
    )


def _medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}
