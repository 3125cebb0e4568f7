"""What an audit costs, row by row: the replica of one package, many packages, a bucket, a million files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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
from benchmarks.service_rows import SMALL_DROPS
from benchmarks.table import Row
from demonstration.bucket_store import move_second_store_to_bucket
from flows.installation.settings import S3StoreSettings
from flows.installation.settings_file import load_settings
from preservation.model.identifiers import StoreName

FEW, MILLION = "8 x 50 MB", "1,000,000 x 100 bytes"
LARGE, MIDDLING, SMALL = "40 x 50 MB", "2,000 x 50 KB", "20,000 x 4 KB"

_STORE, _BUCKET_STORE = StoreName("first"), StoreName("second")
_HERE = Path(__file__).parent
_PIPE = subprocess.PIPE
_CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Warm:
    """What audits took, in processes that had imported everything.

    ``records`` are the seconds with catalogue, journal and state; ``confirmed`` the files as they were kept.
    """

    figures: Figures
    records: float
    confirmed: int


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
        told = warm_audits(self.directory, self.name)
        self.records.append(told.records / told.figures.wall)
        return told.figures

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


def warm_audits(directory: Path, *named: str, cores: Sequence[int] = (), store: StoreName = _STORE) -> Warm:
    """Audit in a process that has imported everything, or at once in one on each of the ``cores``."""
    command = [sys.executable, str(_HERE / "one_audit.py"), str(directory), store, *named]
    commands = [["taskset", "--cpu-list", str(core), *command] for core in cores] or [command]
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    with ExitStack() as running:
        processes = [
            running.enter_context(subprocess.Popen(one, env=environment, stdin=_PIPE, stdout=_PIPE))
            for one in commands
        ]
        for one in processes:
            if one.stdout is None or one.stdout.readline() != b"ready\n":
                sys.exit(f"{command}\ndid not start")
        for one in processes:
            if one.stdin is not None:
                one.stdin.close()
        told = [json.loads(one.stdout.read()) for one in processes if one.stdout is not None]
    figures = Figures(
        max(one["wall"] for one in told), sum(one["cpu"] for one in told), max(one["peak"] for one in told)
    )
    return Warm(figures, sum(one["records"] for one in told), sum(one["confirmed"] for one in told))


def audit_workers(bench: Bench) -> Iterator[Line]:
    """Compare two audits that share what is to be read, each on a core of its own, with one on one core."""
    drops = sorted(bench.corpora.made(SMALL_DROPS).iterdir())
    directory = new_installation(bench.work / "audited")
    keep(directory, [drop for _ in range(5) for drop in drops], _STORE)
    first, second, *_ = (*sorted(os.sched_getaffinity(0)), 0, 0)
    shares: list[float] = []

    def audited(*cores: int) -> Figures:
        let_go(directory / "stores")
        told = warm_audits(directory, cores=cores)
        shares.append(told.records / told.figures.wall / len(cores))
        return told.figures

    rounds = bench.in_turn({"one": partial(audited, first), "two": partial(audited, first, second)})
    figures = str(rounds.figures("two")), str(rounds.figures("one"))
    bench.leavings.put_away(directory)
    work = (
        f"audit of {5 * len(drops):,} packages of 10 x 100 KB, two workers on a core each against one on one"
    )
    yield Row(work, *figures, rounds.ratio("two", "one"), 1 / 1.8)
    yield Row("records kept of these audits, share of their time", "", "", 100 * median(shares), 5, "%")


def audits_in_a_bucket(bench: Bench) -> Iterator[Line]:
    """Compare audits of a replica in a bucket with getting its objects and hashing them."""
    for name in (MIDDLING, FEW):
        directory = new_installation(bench.work / "audited")
        move_second_store_to_bucket(directory)
        [package] = keep(directory, [bench.corpora.made(name)], _BUCKET_STORE)
        settings = load_settings(directory)
        [store] = (one for one in settings.store if isinstance(one, S3StoreSettings))
        prefix = f"{store.prefix}/{package.prefix}/".removeprefix("/")
        gets = peers.get(store.bucket, prefix, store.endpoint_url, settings.work.threads)

        def ours(directory: Path = directory, named: str = str(package.object)) -> Figures:
            return warm_audits(directory, named, store=_BUCKET_STORE).figures

        rounds = bench.in_turn({"ours": ours, "gets": partial(run, [gets])})
        bench.leavings.put_away(directory)
        figures = str(rounds.figures("ours")), str(rounds.figures("gets"))
        work = f"audit of a bucket against its objects got and hashed, {name}"
        yield Row(work, *figures, rounds.ratio("ours", "gets"), 1.11)


def audit_of_a_million(bench: Bench) -> Iterator[Line]:
    """Measure the memory of an audit of 20,000 files, and of a million, in one package."""
    for name in (SMALL, MILLION):
        directory = new_installation(bench.work / "audited")
        [package] = keep(directory, [bench.corpora.made(name)], _STORE)
        let_go(directory / "stores")
        found = warm_audits(directory, str(package.object))
        bench.leavings.put_away(directory)
        beside = f"{found.confirmed:,} files, {found.confirmed / found.figures.wall:,.0f} a second"
        work = f"peak memory of an audit, {name} in one package, its largest process"
        yield Row(work, str(found.figures), beside, found.figures.peak * (1 << 20) / 1e6, 300, " MB")


AUDIT_ROWS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "audits": audits,
    "audit-workers": audit_workers,
    "audit-bucket": audits_in_a_bucket,
    "audit-million": audit_of_a_million,
}
