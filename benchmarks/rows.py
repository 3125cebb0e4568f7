"""What is measured, row by row: each function runs its comparisons and yields its lines."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.audit_rows import AUDIT_ROWS, LARGE, MIDDLING, SMALL
from benchmarks.bench import Bench, Line
from benchmarks.gate_rows import GATE_ROWS
from benchmarks.installation import MUNIMENT, Installation, Preserved
from benchmarks.measuring import Figures, Rounds, run
from benchmarks.service_rows import SMALL_DROPS, flow_start, many_small_drops, watching
from benchmarks.stage_times import REGISTER
from benchmarks.table import Breakdown, Row

_MB = 1_000_000
_MOST_MEMORY = 400.0
_FLOOR = str(Path(__file__).parent / "floor.py")


def whole_way(bench: Bench) -> Iterator[Line]:
    """Compare the whole way with what people script; on large files with hashlib and copies alone, too."""
    for name, target in ((LARGE, 0.7), (MIDDLING, 0.5), (SMALL, 0.5)):
        drop = bench.corpora.made(name)
        runs: list[Preserved] = []
        compared = {"ours": partial(_ours, bench, drop, runs), "peers": partial(_peers, bench, drop, name)}
        if name == LARGE:
            compared["floor"] = partial(_floor, bench, drop)
        rounds = bench.in_turn(compared)
        yield _against("peers", f"whole way, {name}", rounds, target)
        if name == LARGE:
            work = f"whole way against one read, two writes, two read-backs with hashlib, {name}"
            yield _against("floor", work, rounds, 1.3)
        yield _breakdown(name, runs[-bench.rounds :])
        yield _extra_disk(name, drop, runs)


def validate(bench: Bench) -> Iterator[Line]:
    """Compare validation with that of bagit.py, both from the start of the process to its end."""
    for name, target in ((SMALL, 0.2), (MIDDLING, 0.7), (LARGE, 1.0)):
        bag = bench.work / "bag"
        shutil.rmtree(bag, ignore_errors=True)
        shutil.copytree(bench.corpora.made(name), bag)
        run([peers.bagit_make(bag, 2)])
        rounds = bench.in_turn(
            {
                "ours": partial(run, [[MUNIMENT, "validate", str(bag)]]),
                "peers": partial(run, [peers.bagit_validate(bag, 2)]),
            }
        )
        bench.leavings.put_away(bag)
        yield _against("peers", f"validate, {name}", rounds, target)


def identify(bench: Bench) -> Iterator[Line]:
    """Compare our identification with siegfried in process: the same files, one worker, one core."""
    scans = bench.corpora.made("100 scans")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        rounds = bench.in_turn(
            {
                "alone": partial(run, [peers.identify(scans, second_opinion=False)]),
                "asking": partial(run, [peers.identify(scans, second_opinion=True)]),
                "peers": partial(run, [peers.siegfried(scans, 1)]),
            }
        )
    finally:
        os.sched_setaffinity(0, cores)
    yield _against("peers", "identify, 100 scans, one core, without second opinions", rounds, 1.05, "alone")
    yield _against("peers", "identify, 100 scans, one core, with second opinions", rounds, 1.5, "asking")


def orchestration(bench: Bench) -> Iterator[Line]:
    """Measure what is neither a stage's own work nor the writing of receipts."""
    drops = sorted(bench.corpora.made(SMALL_DROPS).iterdir())
    ours = bench.installed()
    one = _several(ours, drops[:1], bench.rounds)
    yield Row(
        "orchestration of one submission (10 x 100 KB)",
        f"{_median_wall(one):.2f} s on its whole way",
        "",
        median(map(_orchestration, one)),
        0.5,
        " s",
    )
    many = _several(ours, drops, bench.rounds)
    yield Row(
        f"orchestration of {len(drops)} small submissions, share of the wall time",
        f"{_median_wall(many):.2f} s on their whole way",
        f"{median(map(_orchestration, many)):.2f} s of it orchestration",
        100 * median(_orchestration(run) / run.figures.wall for run in many),
        15,
        "%",
    )
    yield _breakdown("one submission of 10 x 100 KB", one)
    yield _breakdown(f"{len(drops)} submissions of 10 x 100 KB", many)


def many_files(bench: Bench) -> Iterator[Line]:
    """Measure the memory of 2,000 and of 100,000 files in one submission, and what time and disk it takes."""
    peaks: list[float] = []
    ours = bench.installed()
    for name in (MIDDLING, "100,000 x 1 KB"):
        drop = bench.corpora.made(name)
        preserved = ours.preserve([drop])
        peaks.append(preserved.memory / _MB)
        yield Row(
            f"peak memory, {name} in one submission, all processes at once",
            str(preserved.figures),
            f"main {preserved.figures.peak:.0f} MiB, largest caged {preserved.caged:.0f} MiB",
            peaks[-1],
            _MOST_MEMORY,
            " MB",
        )
    yield _breakdown(name, [preserved])
    yield _extra_disk(name, drop, [preserved])
    yield Row("peak memory, many files against few", "", "", peaks[1] / peaks[0], 1.1)


ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "whole-way": whole_way,
    "validate": validate,
    **AUDIT_ROWS,
    **GATE_ROWS,
    "identify": identify,
    "orchestration": orchestration,
    "many-files": many_files,
    "watching": watching,
    "flow-start": flow_start,
    "service": many_small_drops,
}
BY_HAND = frozenset({"audit-million"})
"""What takes too long to be measured each time: 8 GB are written, in two million files."""


def _ours(bench: Bench, drop: Path, runs: list[Preserved]) -> Figures:
    runs.append(bench.installed().preserve([drop]))
    return runs[-1].figures


def _peers(bench: Bench, drop: Path, name: str) -> Figures:
    # To share out small files costs bagit.py more than it saves.
    processes = 2 if name == LARGE else 1
    target = bench.work / "peers"
    return _into(bench, target, peers.whole_way(drop, target, processes))


def _floor(bench: Bench, drop: Path) -> Figures:
    target = bench.work / "floor"
    return _into(bench, target, [[sys.executable, _FLOOR, str(drop), str(target)]])


def _into(bench: Bench, target: Path, commands: Sequence[Sequence[str]]) -> Figures:
    """Run commands that write to the folder ``target``, which is there for as long as they run."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    figures = run(commands)
    bench.leavings.put_away(target)
    return figures


def _against(theirs: str, work: str, rounds: Rounds, target: float, ours: str = "ours") -> Row:
    return Row(
        work, str(rounds.figures(ours)), str(rounds.figures(theirs)), rounds.ratio(ours, theirs), target
    )


def _several(ours: Installation, drops: Sequence[Path], rounds: int) -> list[Preserved]:
    return [ours.preserve(drops) for _ in range(rounds)]


def _median_wall(runs: Sequence[Preserved]) -> float:
    return median(run.figures.wall for run in runs)


def _orchestration(run: Preserved) -> float:
    """Return the seconds that are no stage's own work. Registering is the catalogue's, so it counts."""
    work = sum(seconds for name, seconds in run.seconds.items() if name != REGISTER)
    return run.figures.wall - work


def _breakdown(work: str, runs: Sequence[Preserved]) -> Breakdown:
    seconds = {name: median(run.seconds[name] for run in runs) for name in runs[0].seconds}
    return Breakdown(work, _median_wall(runs), seconds)


def _extra_disk(name: str, drop: Path, runs: Sequence[Preserved]) -> Row:
    payload = sum(file.stat().st_size for file in drop.rglob("*") if file.is_file())
    extra = max(run.disk for run in runs)
    return Row(
        f"extra disk while one submission runs, no derivatives, {name}",
        f"{extra / _MB:.1f} MB",
        f"payload {payload / _MB:.0f} MB",
        100 * extra / payload,
        5,
        "%",
    )
