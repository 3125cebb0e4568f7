"""Writing the report: what is measured goes between two marks, what people wrote around them stays."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from benchmarks.table import HEADINGS, STAGE_HEADINGS, Breakdown, Row, as_markdown

_NEW = "# Performance\n"


class Part(StrEnum):
    """The tables of the report. Each is measured, and written, alone."""

    INGEST = "ingest"
    AUDITS = "audits"

    @property
    def marks(self) -> tuple[str, str]:
        """Between which its figures stand."""
        begin = f"<!-- measured, {self}: begin. `make bench` writes what is between these marks -->"
        return begin, f"<!-- measured, {self}: end -->"


def write_report(
    report: Path, lines: Sequence[Row | Breakdown], rounds: int, part: Part = Part.INGEST
) -> None:
    """Put the figures of a part into ``report``, between its marks; where there are none, at the end."""
    text = report.read_text(encoding="utf-8") if report.exists() else _NEW
    begin, end = part.marks
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2] or "\n"
    separator = "" if rest else "\n"
    measured = _measured(lines, rounds, part)
    report.write_text(f"{before}{separator}{begin}\n{measured}{end}{after}", encoding="utf-8")


def _measured(lines: Sequence[Row | Breakdown], rounds: int, part: Part) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    rows = as_markdown(HEADINGS, [line.cells for line in lines if isinstance(line, Row)])
    text = f"{_PREFACES[part].format(rounds=rounds, machine=machine)}\n{rows}"
    breakdowns = [line.cells for line in lines if isinstance(line, Breakdown)]
    return f"{text}\n{_OF_STAGES}\n{as_markdown(STAGE_HEADINGS, breakdowns)}" if breakdowns else text


_OF_INGEST = """\
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
_OF_AUDITS = """\
Audits of one package in a folder store, and others that read the same folder, in turn: one warm-up and
{rounds} rounds each, medians as above. Every run is from cold: the system lets go of all bytes of the
files before it (`POSIX_FADV_DONTNEED`), whoever's it is. An audit reads past the page cache anyway; the
others do not. `bagit.py` is `--validate --processes 2`. `openssl dgst`, 500 files a process and a process
a core, and hashlib in a thread a core read and hash and compare nothing: the floor. *In a warm process*
everything is imported before the clock starts, as it is in the service's process that runs are forked
from; else it is the command from its start to its end. Of a bucket, both have the same service on this
machine, and as many threads. Records are what is spent with catalogue, journal and the state of audits.

{machine}
"""
_PREFACES = {Part.INGEST: _OF_INGEST, Part.AUDITS: _OF_AUDITS}
