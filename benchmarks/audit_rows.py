"""What an audit costs, row by row: the replica of one package, many packages, a bucket, a million files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.bench import Bench, Line
from benchmarks.cold import let_go
from benchmarks.installation import MUNIMENT, new_installation
from benchmarks.kept_packages import keep
from benchmarks.measuring import Figures, run
from benchmarks.table import Row
from preservation.model.identifiers import StoreName

LARGE, MIDDLING, SMALL = "40 x 50 MB", "2,000 x 50 KB", "20,000 x 4 KB"

_STORE = StoreName("first")
_HERE = Path(__file__).parent
_CORES = len(os.sched_getaffinity(0))


@dataclass(slots=True)
class Audited:
    """A package in a store, the folder in which it lies there, and the audits of it in warm processes."""

    directory: Path
    name: str
    bag: Path
    records: list[float] = field(default_factory=list)
    """Shares of their time that they spent with catalogue, journal and state."""

    def command(self) -> Figures:
        """Audit it by the command, from the start of the process to its end."""
        let_go(self.bag)
        named = ["--object", self.name, "--store", _STORE, "-C", str(self.directory)]
        return run([[MUNIMENT, "audit", *named]])

    def warm(self) -> Figures:
        """Audit it in a process that has imported everything."""
        let_go(self.bag)
        told = one_audit(self.directory, self.name)
        self.records.append(told["records"] / told["wall"])
        return Figures(told["wall"], told["cpu"], told["peak"])

    def others(self, command: Sequence[str]) -> Figures:
        """Have another program read it."""
        let_go(self.bag)
        return run([command])


def audits(bench: Bench) -> Iterator[Line]:
    """Compare audits with what else reads and compares a bag, and with what only reads it."""
    for name, against_bagit, against_reading in (
        (SMALL, 0.2, 3.0),
        (MIDDLING, 0.67, 3.0),
        (LARGE, None, 1.11),
    ):
        directory = new_installation(bench.work / "audited")
        [package] = keep(directory, [bench.corpora.made(name)], _STORE)
        bag = directory / "stores" / _STORE / package.prefix
        ours = Audited(directory, str(package.object), bag)
        alone, what = peers.openssl(bag, _CORES), "openssl dgst"
        if name == LARGE:
            alone, what = peers.hashlib_alone(bag, _CORES), "hashlib"
        rounds = bench.in_turn(
            {
                "ours": ours.command,
                "warm": ours.warm,
                "bagit": partial(ours.others, peers.bagit_validate(bag, 2)),
                "alone": partial(ours.others, alone),
            }
        )
        bench.leavings.put_away(directory)
        compared = [("bagit", f"audit, {name}, cold", "bagit.py", against_bagit)]
        compared.append(("alone", f"audit against {what} on each core, {name}, cold", what, against_reading))
        for theirs, work, _, target in compared:
            if target is None:
                continue
            for mine, how in (("ours", ""), ("warm", ", in a warm process")):
                figures = str(rounds.figures(mine)), str(rounds.figures(theirs))
                yield Row(f"{work}{how}", *figures, rounds.ratio(mine, theirs), target)
        share = 100 * median(ours.records[-bench.rounds :])
        yield Row(f"records kept of an audit, share of its time, {name}", "", "", share, 5, "%")


def one_audit(directory: Path, *named: str, before: Sequence[str] = ()) -> dict[str, float]:
    """Audit in a process that has imported everything; return what it says of itself."""
    command = [*before, sys.executable, str(_HERE / "one_audit.py"), str(directory), _STORE, *named]
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    told: dict[str, float] = json.loads(said.splitlines()[-1])
    return told
