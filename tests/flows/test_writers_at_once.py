"""A repair, a filling and an audit at once: each replica is written by one of them, and the others say so."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from support.command_runs import NearArchive
from support.forks import FORK, forked

from flows.archive.fill import fill_installation
from flows.archive.fill_outcomes import FilledReplica, Shortfall
from flows.archive.fill_progress import FillProgress
from flows.archive.fill_request import FillRequest
from flows.archive.repair import repair_damage
from flows.archive.repair_results import RepairResult, RepairState
from flows.archive.replica_claim import claimed_replica
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.bagit.validation import validate
from preservation.model.identifiers import StoreName
from storage.replication.progress import Progress

V1 = "files/ledger/v1"
SECOND = StoreName("second")


@pytest.fixture
def archive(keeping: NearArchive) -> NearArchive:
    """Nobody is asked before a repair; the second store has lost a replica, and an audit has seen that."""
    file = keeping.directory / "muniment.toml"
    file.write_text(f'{file.read_text()}\n[repair]\nmode = "automatic"\n')
    lose(keeping)
    return keeping


def lose(archive: NearArchive) -> None:
    shutil.rmtree(archive.store("second") / "files")
    assert archive.run("audit", "--all").returncode == 4


def open_damage(archive: NearArchive) -> list[str]:
    told = archive.run("damage", "--json").stdout.splitlines()
    return [json.loads(line)["package"] for line in told]


def filled(archive: Path, done: Path) -> None:
    request = FillRequest(really_all=True)
    for one in fill_installation(load_settings(archive), request):
        # That the replica is not there meanwhile is said, too.
        if not isinstance(one, Shortfall):
            note(done, "wrote" if isinstance(one, FilledReplica) else one.sentence)


def repaired(archive: Path, done: Path) -> None:
    for one in repair_damage(load_settings(archive)):
        note(done, "wrote" if one.state is RepairState.HEALED else one.sentence)


def note(done: Path, what: str) -> None:
    with done.open("a") as file:
        file.write(f"{what}\n")


def at_once(both: Barrier, work: Callable[[Path, Path], None], archive: Path, done: Path) -> None:
    both.wait()
    work(archive, done)


def test_of_a_repair_and_a_filling_at_once_one_writes_the_replica_and_the_other_says_who_does(
    archive: NearArchive, tmp_path: Path
):
    for turn in range(4):
        done, both = tmp_path / f"done {turn}", FORK.Barrier(2)
        children = [forked(at_once, both, work, archive.directory, done) for work in (filled, repaired)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0, 0]
        said = Counter(done.read_text().splitlines())
        # The other one came while it was written, or after that.
        assert said.pop("wrote") == 1
        assert [sentence for sentence in said if f"another run reads or writes {V1}" not in sentence] == []
        assert archive.kept("second") == archive.kept("first")
        assert validate(archive.store("second") / V1).valid
        assert open_damage(archive) == []
        lose(archive)
    story = archive.run("journal", "show", "files/ledger").stdout
    assert story.count("which had lost all of it") + story.count(" was put there from ") == 4


class RepairingMeanwhile(FillProgress):
    """Repairs once, as soon as some of the replica is written."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.results: list[RepairResult] | None = None

    def listen(self, progress: Progress) -> None:  # noqa: ARG002  it is named so in what it overrides
        if self.results is None:
            self.results = []
            self.results += repair_damage(self.settings)


def test_what_is_being_filled_is_not_repaired_meanwhile(archive: NearArchive):
    settings = load_settings(archive.directory)
    progress = RepairingMeanwhile(settings)
    [filled] = fill_installation(settings, FillRequest(really_all=True), progress)
    assert isinstance(filled, FilledReplica)
    assert progress.results is not None
    [result] = progress.results
    assert result.state is RepairState.NOT_HEALED
    assert result.sentence == (
        f"store second: another run reads or writes {V1} there now, an audit, a repair or the filling of the "
        "store; run this again when that one has ended"
    )
    assert archive.kept("second") == archive.kept("first")
    assert open_damage(archive) == []


def test_what_another_run_has_is_neither_repaired_nor_filled_nor_audited(archive: NearArchive):
    settings = load_settings(archive.directory)
    with open_installation(settings) as opened:
        [kept] = opened.catalogue.packages()
        with claimed_replica(opened.audits, kept.package, SECOND) as mine:
            assert mine is not None
            with claimed_replica(opened.audits, kept.package, SECOND) as other:
                assert other is None
            for verb, code in (
                (("repair", "--all"), 6),
                (("replicate", "--missing", "--really-all"), 6),
                (("audit", "--object", "files/ledger", "--store", "second"), 0),
            ):
                finished = archive.run(*verb)
                assert f"another run reads or writes {V1}" in finished.stdout, verb
                assert finished.returncode == code, (verb, finished.stdout)
            assert not (archive.store("second") / V1).exists()
    assert archive.run("repair", "--all").returncode == 0
    assert archive.kept("second") == archive.kept("first")


def test_a_claim_of_a_run_that_was_killed_is_over_when_the_next_one_wants_it(archive: NearArchive):
    def claim(directory: Path) -> None:
        with open_installation(load_settings(directory)) as opened:
            [kept] = opened.catalogue.packages()
            with claimed_replica(opened.audits, kept.package, SECOND) as mine:
                assert mine is not None
                os.kill(os.getpid(), signal.SIGKILL)

    child = forked(claim, archive.directory)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with open_installation(load_settings(archive.directory)) as opened:
        assert len(opened.audits.claimants()) == 1
    assert archive.run("repair", "--all").returncode == 0
    assert open_damage(archive) == []
