"""``make bench``: us and the peers in turn on the same bytes; prints a table, writes the report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.corpora import made
from benchmarks.measuring import Compared, Figures, compare, run
from flows.serving import prefect_api
from flows.settings import load_settings

_MUNIMENT = str(Path(sys.executable).parent / "muniment")
_HERE = Path(__file__).parent
_WHOLE_WAY_TARGETS = {"40 x 50 MB": 0.7, "2,000 x 50 KB": 0.5, "20,000 x 4 KB": 0.5}
_VALIDATE_TARGETS = {"20,000 x 4 KB": 0.2, "2,000 x 50 KB": 0.7, "40 x 50 MB": 1.0}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the work, our median and theirs, the ratio, and what it should be at most."""

    work: str
    ours: Figures
    theirs: Figures
    ratio: float
    target: float

    @classmethod
    def of(cls, work: str, compared: Compared, target: float) -> Row:
        """Make the line of a comparison."""
        return cls(work, compared.ours, compared.theirs, compared.wall_ratio, target)

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows."""
        return (
            self.work,
            f"{self.ours.wall:.2f} s ({self.ours.cpu:.2f} s cpu, {self.ours.peak:.0f} MiB)",
            f"{self.theirs.wall:.2f} s ({self.theirs.cpu:.2f} s cpu, {self.theirs.peak:.0f} MiB)",
            f"{self.ratio:.2f}",
            f"{self.target:.2f}",
            "met" if self.ratio <= self.target else "missed",
        )


_HEADINGS = ("work", "Muniment", "peer", "ratio", "target", "")


def main() -> None:
    """Measure and report."""
    arguments = _arguments()
    work = arguments.folder
    work.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with _installation(work) as (installation, api_url):
        for name, target in _WHOLE_WAY_TARGETS.items():
            drop = made(name, work)
            ours = _WholeWay(installation, api_url, drop, work)
            theirs = _Peers(drop, work)
            rows.append(_said(Row.of(f"whole way, {name}", compare(ours, theirs, arguments.rounds), target)))
            if name == "40 x 50 MB":
                floor = _Floor(drop, work)
                compared = compare(ours, floor, arguments.rounds)
                rows.append(_said(Row.of(f"whole way against hashlib and two copies, {name}", compared, 1.3)))
    rows += _validating(work, arguments.rounds)
    rows += _identifying(work, arguments.rounds)
    _write(rows, arguments.rounds, arguments.report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sets of files are made and kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, default=Path("docs/performance.md"))
    return parser.parse_args()


@contextmanager
def _installation(work: Path) -> Iterator[tuple[Path, str]]:
    installation = work / "installation"
    shutil.rmtree(installation, ignore_errors=True)
    subprocess.run([_MUNIMENT, "init", installation], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(_HERE / "as-the-peers.toml", installation / "policies" / "bit-level.toml")
    with prefect_api(load_settings(installation)) as api:
        yield installation, api.url


@dataclass(frozen=True, slots=True)
class _WholeWay:
    """Our whole way; the stores are emptied after each run, so that the disk does not fill."""

    installation: Path
    api_url: str
    drop: Path
    work: Path

    def __call__(self) -> Figures:
        command = [
            sys.executable,
            str(_HERE / "whole_way.py"),
            str(self.installation),
            self.api_url,
            str(self.drop),
        ]
        said = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_HERE.parent)}
        ).stdout
        figures = json.loads(said.splitlines()[-1])
        if figures["verdict"] != "stored":
            sys.exit(f"{self.drop}: ended as {figures['verdict']}")
        for store in ("first", "second"):
            shutil.rmtree(self.installation / "stores" / store / "files")
        os.sync()
        return Figures(figures["wall"], figures["cpu"], figures["peak"])


@dataclass(frozen=True, slots=True)
class _Peers:
    drop: Path
    work: Path

    def __call__(self) -> Figures:
        target = self.work / "peers"
        target.mkdir()
        figures = run(peers.whole_way(self.drop, target))
        shutil.rmtree(target)
        os.sync()
        return figures


@dataclass(frozen=True, slots=True)
class _Floor:
    drop: Path
    work: Path

    def __call__(self) -> Figures:
        target = self.work / "floor"
        figures = run([[sys.executable, str(_HERE / "floor.py"), str(self.drop), str(target)]])
        shutil.rmtree(target)
        os.sync()
        return figures


def _validating(work: Path, rounds: int) -> Iterator[Row]:
    for name, target in _VALIDATE_TARGETS.items():
        bag = work / "bag"
        shutil.copytree(made(name, work), bag)
        run([peers.bagit_make(bag)])
        compared = compare(
            lambda bag=bag: run([[_MUNIMENT, "validate", str(bag)]]),
            lambda bag=bag: run([peers.bagit_validate(bag)]),
            rounds,
        )
        shutil.rmtree(bag)
        yield _said(Row.of(f"validate, {name}", compared, target))


def _identifying(work: Path, rounds: int) -> Iterator[Row]:
    scans = made("100 scans", work)
    for second_opinion, target in ((False, 1.05), (True, 1.5)):
        compared = compare(
            lambda asked=second_opinion: run([peers.identify(scans, 1, second_opinion=asked)]),
            lambda: run([peers.siegfried(scans, 1)]),
            rounds,
        )
        asked = "with" if second_opinion else "without"
        yield _said(Row.of(f"identify, 100 scans, {asked} second opinions", compared, target))


def _said(row: Row) -> Row:
    print("  ".join(row.cells()), flush=True)
    return row


def _write(rows: list[Row], rounds: int, report: Path) -> None:
    table = [
        f"| {' | '.join(_HEADINGS)} |",
        f"|{'---|' * len(_HEADINGS)}",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
    ]
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    report.write_text("\n".join([_PREFACE.format(rounds=rounds), machine, "", *table, ""]), encoding="utf-8")


_PREFACE = """\
# Performance
Written by `make bench`: Muniment and the peers in turn on the same bytes, one warm-up and {rounds} rounds
each; medians of whole processes, and the median of the ratios round by round. The source is warm in the page
cache; what is read back is dropped from it first. Absolute seconds are this machine's; ratios count.
"""


if __name__ == "__main__":
    main()
