"""The loss of a store in fact: a store of copies is emptied and filled again; any other one is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from services.buckets import new_address, speak_as_the_archive
from support.archives import Archive
from support.bucket_archives import put_second_store_into
from support.command_runs import NearArchive, near
from support.flow_runs import preserved
from support.forks import forked

from flows.archive.drills import rehearsal
from flows.archive.drills.loss_record import LossRecord, losses_folder
from flows.archive.drills.record import DrillVerdict, drill_records
from flows.archive.drills.rehearsal import RehearsedLoss, rehearse_loss
from flows.archive.fill import fill_installation, filling
from flows.archive.fill_request import FillRequest
from flows.archive.replica_claim import new_claimant
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from preservation.errors import ConfigurationError, IntegrityError, UnavailableError
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.verdicts import Verdict
from storage.audits.work import LEASE

SECOND = StoreName("second")
LOSS = RehearsedLoss(SECOND, "A. Turner")
PACKAGE = PackageId(parse_object_id("files/ledger"), VersionNumber(1))


def edited(archive: NearArchive, before: str, after: str) -> Settings:
    file = archive.directory / "muniment.toml"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
    return load_settings(archive.directory)


@pytest.fixture
def settings(keeping: NearArchive) -> Settings:
    """The settings of an installation whose second store is there to be damaged."""
    return edited(keeping, 'name = "second"\n', 'name = "second"\nrehearsal = true\n')


def lost(settings: Settings, loss: RehearsedLoss = LOSS) -> LossRecord:
    record = rehearse_loss(settings, loss)
    assert record is not None
    return record


def held(settings: Settings) -> list[str]:
    with open_installation(settings) as opened:
        return [str(one.package) for one in opened.catalogue.packages(held_by=SECOND)]


def replace_bytes(file: Path, content: bytes) -> None:
    file.chmod(0o600)
    file.write_bytes(content)


def test_a_store_of_copies_is_lost_filled_again_and_has_every_byte_it_had(
    keeping: NearArchive, settings: Settings
):
    before = keeping.kept("first"), keeping.kept("second")
    finished = keeping.run("drill", "--lose", "second", "--really", "--by", "A. Turner", "--json")
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert (keeping.kept("first"), keeping.kept("second")) == before
    assert held(settings) == ["files/ledger/v1"]
    assert (told["verdict"], told["versions"], told["differing"]) == ("restored", 1, 0)
    size = sum(len(content) for key, content in before[1].items() if key.startswith("files/"))
    files = len([key for key in before[1] if key.startswith("files/")])
    amounts = [(step["files"], step["bytes"]) for step in told["steps"]]
    assert amounts == [(files, size), (files, size), (0, 0), (files, size), (files, size), (files, size)]
    assert {one["store"] for one in told["estimates"]} == {"first", "second"}
    page = Path(told["certificate"]).read_text()
    assert "Lost, and filled again as it was" in page
    assert re.search(r"<script|<link|<img|https?://", page) is None
    assert list(drill_records(settings)) == []
    with open_installation(settings) as opened:
        entries = [(one.event_type, one.detail) for one in opened.journal.about("files/ledger")]
        opened.stores[1].check()
    assert ("deletion", "the replica of files/ledger/v1 struck") in [
        (kind, detail.replace("in store second ", "").replace(" from the catalogue", ""))
        for kind, detail in entries
    ]
    assert any(kind == "replication" and "copied to store second" in detail for kind, detail in entries)
    assert keeping.run("audit", "--all").returncode == 0


def test_it_was_in_fact_empty_between(
    keeping: NearArchive, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def looked(*of: object) -> object:
        seen.append([key for key in keeping.kept("second") if key.startswith("files/")])
        seen.append(held(settings))
        return fill_installation(*of)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(rehearsal, "fill_installation", looked)
    assert lost(settings).verdict is DrillVerdict.RESTORED
    assert seen == [[], []]


@pytest.mark.parametrize("store", ["first", "third"])
def test_a_store_that_is_not_there_to_be_damaged_is_refused_and_nothing_happens(
    keeping: NearArchive, settings: Settings, store: str
):
    before = keeping.kept("first"), keeping.kept("second")
    for words in ((), ("--dry-run",)):
        finished = keeping.run("drill", "--lose", store, "--really", "--by", "A. Turner", *words)
        assert finished.returncode == 2
        assert "only a store that has rehearsal = true" in finished.stderr
    assert (keeping.kept("first"), keeping.kept("second")) == before
    assert held(settings) == ["files/ledger/v1"]


def test_a_dry_run_says_what_would_be_lost_and_loses_nothing(keeping: NearArchive, settings: Settings):
    before = keeping.kept("second")
    finished = keeping.run("drill", "--lose", "second", "--really", "--dry-run")
    assert finished.returncode == 0
    assert "is there to be lost" in finished.stdout
    assert keeping.kept("second") == before
    assert held(settings) == ["files/ledger/v1"]
    assert not losses_folder(settings).exists()
    assert keeping.run("drill", "--lose", "second", "--really").returncode == 2
    assert keeping.run("drill", "--really").returncode == 2


def test_a_version_whose_other_replica_is_damaged_unseen_keeps_the_store_from_being_emptied(
    keeping: NearArchive, settings: Settings
):
    file = next(keeping.store("first").glob("files/ledger/v1/data/originals/*.txt"))
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    replace_bytes(file, bytes(content))
    before = keeping.kept("second")
    with pytest.raises(
        IntegrityError, match=r"not seen in another store as it was kept: .*Nothing was empti"
    ):
        lost(settings)
    assert keeping.kept("second") == before
    assert held(settings) == ["files/ledger/v1"]


def test_a_version_whose_lists_would_vouch_for_themselves_keeps_the_store_from_being_emptied(
    project: Path, tmp_path: Path
):
    with tarfile.open(project / "tests/fixtures/0.1.0/sqlite/stored.tar.xz") as packed:
        packed.extractall(tmp_path, filter="tar")
    archive = near(Archive(tmp_path / "archive"))
    assert archive.run("stores", "init", "second").returncode == 0
    settings = edited(archive, 'name = "second"\n', 'name = "second"\nrehearsal = true\n')
    before = archive.kept("second")
    with pytest.raises(ConfigurationError, match=r"run: muniment upgrade\. Nothing was emptied"):
        lost(settings)
    assert archive.kept("second") == before


def test_a_version_whose_other_store_is_away_keeps_the_store_from_being_emptied(
    keeping: NearArchive, settings: Settings
):
    keeping.store("first").rename(keeping.directory / "away")
    before = keeping.kept("second")
    with pytest.raises(IntegrityError, match="was not seen in another store"):
        lost(settings)
    assert keeping.kept("second") == before


def test_what_was_damaged_in_the_store_before_is_not_as_before_afterwards(
    keeping: NearArchive, settings: Settings
):
    whole = keeping.kept("second")
    file = next(keeping.store("second").glob("files/ledger/v1/data/originals/*.txt"))
    replace_bytes(file, b"Other\n")
    stray = file.with_name("stray.txt")
    file.parent.chmod(0o700)
    stray.write_text("Stray\n")
    record = lost(settings)
    assert (record.verdict, record.differing) == (DrillVerdict.DAMAGED, 2)
    assert {name.rpartition("/")[2] for name in record.named} == {file.name, "stray.txt"}
    assert "it was damaged before" in record.sentence
    assert keeping.kept("second") == whole
    finished = keeping.run("drill", "--lose", "second", "--really", "--by", "A. Turner")
    assert finished.returncode == 0, finished.stderr


def lost_meanwhile(keeping: NearArchive) -> None:
    shutil.rmtree(keeping.store("first") / "files")


def gone_meanwhile(keeping: NearArchive) -> None:
    keeping.store("first").rename(keeping.directory / "away")


def damaged_meanwhile(keeping: NearArchive) -> None:
    replace_bytes(next(keeping.store("first").glob("files/ledger/v1/data/originals/*.txt")), b"Other\n")
    assert keeping.run("audit", "--all", "--store", "first").returncode == 4


@pytest.mark.parametrize("happens", [lost_meanwhile, gone_meanwhile, damaged_meanwhile])
def test_what_the_other_store_has_no_more_since_it_was_read_there_is_not_taken_away(
    keeping: NearArchive,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[NearArchive], None],
):
    before = keeping.kept("second")
    strike = rehearsal._Rehearsal._strike

    def struck(run: rehearsal._Rehearsal, versions: int) -> None:
        strike(run, versions)
        happens(keeping)

    monkeypatch.setattr(rehearsal._Rehearsal, "_strike", struck)
    with pytest.raises((IntegrityError, UnavailableError)):
        lost(settings)
    assert keeping.kept("second") == before


def test_what_is_not_filled_again_is_no_file_that_differs(
    keeping: NearArchive, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    empty = rehearsal._Rehearsal._empty

    def emptied(run: rehearsal._Rehearsal) -> None:
        empty(run)
        gone_meanwhile(keeping)

    monkeypatch.setattr(rehearsal._Rehearsal, "_empty", emptied)
    record = lost(settings)
    assert (record.verdict, record.unfilled, record.differing) == (DrillVerdict.NOT_RESTORED, 1, 0)
    assert record.sentence.startswith("1 version not filled again")


def test_a_store_that_would_not_be_filled_again_is_refused(keeping: NearArchive, settings: Settings):
    policy = keeping.directory / "policies" / "bit-level.toml"
    as_before = policy.read_text()
    policy.write_text(
        re.sub(r"(copies|sites)( *)= 2", r"\1\2= 1", as_before).replace(
            "[replication]", '[replication]\nstores = ["first"]'
        )
    )
    with pytest.raises(ConfigurationError, match="does not name that store"):
        lost(settings)
    policy.write_text(as_before)
    retired = edited(keeping, 'name = "second"\n', 'name = "second"\nretired = true\n')
    with pytest.raises(ConfigurationError, match="is retired"):
        lost(retired)
    assert held(settings) == ["files/ledger/v1"]


def test_nothing_is_emptied_while_an_audit_reads_or_packages_are_copied(settings: Settings):
    with open_installation(settings) as opened:
        audit, at = new_claimant(), now()
        assert opened.audits.claim_package(audit, PACKAGE, SECOND, at=at, until=at + LEASE)
        with pytest.raises(UnavailableError, match="another run reads or writes files/ledger/v1"):
            lost(settings)
        opened.audits.release(audit)
    with filling(settings), pytest.raises(UnavailableError, match="another run copies packages"):
        lost(settings)
    assert held(settings) == ["files/ledger/v1"]


@pytest.mark.parametrize("instant", ["_strike", "_empty", "_fill", "_compare"])
def test_killed_at_any_step_the_store_is_filled_by_whoever_fills_stores_next(
    keeping: NearArchive, settings: Settings, monkeypatch: pytest.MonkeyPatch, instant: str
):
    before = keeping.kept("second")

    def killed() -> None:
        monkeypatch.setattr(
            rehearsal._Rehearsal, instant, lambda _, *__: os.kill(os.getpid(), signal.SIGKILL)
        )
        lost(settings)

    process = forked(killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not losses_folder(settings).exists()
    list(fill_installation(settings, FillRequest()))
    assert keeping.kept("second") == before
    assert held(settings) == ["files/ledger/v1"]
    assert lost(settings).verdict is DrillVerdict.RESTORED


def test_killed_while_it_is_emptied_the_store_is_filled_from_what_is_left(
    keeping: NearArchive, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    before = keeping.kept("second")

    class Purger:
        def discard_uncommitted(self, _: PackageId) -> None:
            # Half of it is gone, as on a service that removes objects one by one.
            shutil.rmtree(next(keeping.store("second").glob("files/ledger/v1/data")))
            os.kill(os.getpid(), signal.SIGKILL)

    def killed() -> None:
        with open_installation(settings) as opened:
            monkeypatch.setattr(type(opened), "purgers", {SECOND: Purger()})
        lost(settings)

    process = forked(killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert 0 < len(keeping.kept("second")) < len(before)
    list(fill_installation(settings, FillRequest()))
    assert keeping.kept("second") == before


def test_a_bucket_is_lost_and_filled_again_too(installation: Archive, ledger: Path):
    speak_as_the_archive()
    address = new_address()
    put_second_store_into(installation, address)
    archive = near(installation)
    settings = edited(archive, 'name = "second"\n', 'name = "second"\nrehearsal = true\n')
    assert preserved(archive, ledger).ending.verdict is Verdict.STORED
    with pytest.raises(ConfigurationError, match="run first: muniment stores init second"):
        lost(settings)
    assert archive.run("stores", "init", "second").returncode == 0
    settings = load_settings(archive.directory)
    record = lost(settings)
    assert (record.verdict, record.versions, record.differing) == (DrillVerdict.RESTORED, 1, 0)
    assert record.steps[0].files == record.steps[-1].files == len(archive.kept("first"))
    with open_installation(settings) as opened:
        there = {one.key for one in opened.stores[1].list(PACKAGE.prefix)}
    assert there == set(archive.kept("first"))
