"""Writing the report: what is measured goes between two marks, what people wrote around them stays."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import HEADINGS, STAGE_HEADINGS, Breakdown, Row, as_markdown

_BEGIN = "<!-- measured: begin. `make bench` writes what is between these marks -->"
_END = "<!-- measured: end -->"
_NEW = f"# Performance\n\n{_BEGIN}\n{_END}\n"


def write_report(report: Path, lines: Sequence[Row | Breakdown], rounds: int) -> None:
    """Put the figures into ``report``, between its marks; where there is no report, one is begun."""
    text = report.read_text(encoding="utf-8") if report.exists() else _NEW
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    report.write_text(f"{before}{_BEGIN}\n{_measured(lines, rounds)}{_END}{after}", encoding="utf-8")


def _measured(lines: Sequence[Row | Breakdown], rounds: int) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    rows = as_markdown(HEADINGS, [line.cells for line in lines if isinstance(line, Row)])
    stages = as_markdown(STAGE_HEADINGS, [line.cells for line in lines if isinstance(line, Breakdown)])
    return f"{_PREFACE.format(rounds=rounds, machine=machine)}\n{rows}\n{_OF_STAGES}\n{stages}"


_PREFACE = """\
Muniment and the peers in turn on the same bytes, one warm-up and {rounds} rounds each (one round for many
files in one submission); medians of whole processes, and the median of the ratios of wall time round by
round. In brackets processor seconds, and the peak of the largest process. The source is warm in the page
cache; what is read back is dropped from it first. The servers that peers do not need are up before the
clock starts. Memory is the most that all processes took at once, shared pages counted once, seen five
times a second; extra disk is whatever the installation held more than before, the stores and Prefect's
own database apart. Absolute seconds are this machine's; ratios count.

The running service is `muniment up` with a Prefect of its own, warm. A drop is settled `settle` seconds, 1
here, after the rename that put it into the inbox. Of many drops the clock runs from when all have settled to
the last answer in `accepted/`. What they waited for in the meantime is told in two ways: the time in which no
run was at a stage's work, and what flow runs, which go on beside each other, took of their own time for
anything else. A sweep is the first one of a process: it looks at every file.

{machine}
"""
_OF_STAGES = """\
Where the time of our whole way goes. What is left beside the stages' own work is orchestration: flow and
tasks, journal, catalogue.
"""
