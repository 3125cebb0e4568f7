"""``make bench``: us and the peers in turn on the same bytes; prints a table, writes the report."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from benchmarks.audit_rows import AUDIT_ROWS
from benchmarks.bench import Bench, Line
from benchmarks.corpora import Corpora
from benchmarks.installation import installation
from benchmarks.leavings import Leavings
from benchmarks.report import Part, write_report
from benchmarks.rows import BY_HAND, ROWS
from benchmarks.service import running_service

_REPORT = Path("docs/performance.md")


def main() -> None:
    """Measure and report."""
    arguments = _arguments()
    work = arguments.folder
    work.mkdir(parents=True, exist_ok=True)
    lines: dict[Part, list[Line]] = {}
    leavings = Leavings(work / "leavings")
    with ExitStack() as closing:
        closing.callback(leavings.clear)
        # Made when it is first needed: to serve it, or the service to start, takes ten seconds.
        installed = cache(lambda: closing.enter_context(installation(work, leavings)))
        service = cache(lambda: closing.enter_context(running_service(work, leavings)))
        corpora = Corpora(work, tiny=arguments.tiny)
        bench = Bench(work, corpora, leavings, arguments.rounds, not arguments.tiny, installed, service)
        for name in arguments.only or [name for name in ROWS if name not in BY_HAND]:
            part = Part.AUDITS if name in AUDIT_ROWS else Part.INGEST
            for line in ROWS[name](bench):
                print("  ".join(line.cells), flush=True)
                lines.setdefault(part, []).append(line)
    # Part of the table, or one of tiny sets, is no report unless it is asked for.
    report = arguments.report or (None if arguments.only or arguments.tiny else _REPORT)
    for part, measured in lines.items() if report else ():
        write_report(report, measured, arguments.rounds, part)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sets of files are made and kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=ROWS, help="measure only this; repeatable")
    parser.add_argument("--tiny", action="store_true", help="sets of a few small files, to try the harness")
    parser.add_argument("--report", type=Path, help=f"what to write; {_REPORT} where everything is measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
