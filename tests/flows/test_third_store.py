"""A store that the policy's number does not need was away: it is reported everywhere, and filled later."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import NearArchive, near
from support.flow_runs import installed, preserved
from support.kept_object import make_ledger

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive.fill import fill_installation
from flows.archive.fill_outcomes import FilledReplica, NotFilled
from flows.archive.fill_request import FillRequest
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.bagit.validation import validate
from preservation.model.verdicts import Verdict

THIRD = '\n[[store]]\nname = "third"\nkind = "folder"\npath = "stores/third"\nsite = "far"\n'
MAIL = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'


def with_third(archive: NearArchive) -> NearArchive:
    """Add a store more than its policy asks for."""
    file = archive.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}{THIRD}{MAIL}")
    made = archive.run("stores", "init", "third", "--json")
    assert made.returncode == 0, made.stderr
    return archive


@pytest.fixture
def three(fresh: NearArchive) -> NearArchive:
    """An installation with a store more than its policy asks for."""
    return with_third(fresh)


@dataclass(frozen=True)
class Lacking:
    """An installation whose third store lacks the ledger, and its receipt."""

    archive: NearArchive
    receipt: dict[str, Any]


@pytest.fixture(scope="module")
def lacking_once(tmp_path_factory: pytest.TempPathFactory) -> Lacking:
    """The ledger is preserved while the third store is away: once, and only copied."""
    folder = tmp_path_factory.mktemp("lacking")
    archive = with_third(near(installed(folder / "archive")))
    away = archive.store("third").rename(archive.directory / "away")
    told = preserved(archive, make_ledger(folder / "ledger"))
    assert told.ending.verdict is Verdict.STORED
    assert told.receipt is not None
    away.rename(archive.store("third"))
    return Lacking(archive, json.loads(told.receipt.with_suffix(".json").read_text()))


@pytest.fixture
def lacking(lacking_once: Lacking, tmp_path: Path) -> Lacking:
    """One of its own."""
    kept = lacking_once.archive
    directory = shutil.copytree(kept.directory, tmp_path / "lacking")
    return replace(lacking_once, archive=replace(kept, directory=directory))


def alarms(three: Archive) -> list[str]:
    waiting = outbox_of(load_settings(three.directory)).waiting()
    return [one.alarm.happened for one in waiting if one.alarm.kind is AlarmKind.INTEGRITY]


def test_the_receipt_and_the_status_say_which_store_lacks_the_package(lacking: Lacking):
    three, receipt = lacking.archive, lacking.receipt
    assert receipt["lacking"] == ["third"]
    assert "Not in store third yet" in str(receipt["sentence"])
    [issue] = [one for one in receipt["issues"] if one["severity"] != "info"]
    assert (issue["code"], issue["severity"]) == ("REP-008", "warning")
    assert "there is no folder" in issue["message"]
    told = json.loads(three.run("status", "--json").stdout)
    assert [(one["store"], one["away"], one["lacking"]) for one in told["stores"]] == [
        ("first", "", 0),
        ("second", "", 0),
        ("third", "", 1),
    ]
    assert "Store third lacks 1 version" in three.run("status").stdout
    assert "it lacks 1 version" in three.run("doctor").stdout


def test_what_it_lacks_is_copied_when_it_is_back_and_journaled(lacking: Lacking):
    three = lacking.archive
    dry = three.run("stores", "fill", "--dry-run", "--json")
    assert json.loads(dry.stdout)["package"] == "files/ledger/v1"
    assert three.kept("third") == {}
    finished = three.run("stores", "fill", "--json")
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["filled"], told["store"]) == (0, True, "third")
    assert three.kept("third") == three.kept("first")
    assert validate(three.store("third") / "files/ledger/v1").valid
    with open_installation(load_settings(three.directory)) as opened:
        [kept] = opened.catalogue.packages()
        assert [replica.store for replica in kept.replicas] == ["first", "second", "third"]
        events = [entry for entry in opened.journal.about("files/ledger") if "third" in entry.detail]
        assert [entry.event_type for entry in events] == ["replication"]
    assert three.run("journal", "verify").returncode == 0
    assert "No store lacks anything." in three.run("stores", "fill").stdout
    settings = load_settings(three.directory)
    record = record_of(Job.FILL_STORES, settings)
    assert (record.fault, record.ended is not None) == ("", True)


def test_damage_that_is_seen_in_the_stores_to_copy_from_is_reported_and_an_alarm(lacking: Lacking):
    three = lacking.archive
    settings = load_settings(three.directory)
    # A folder where the lock of the scratch folders goes: nothing can be copied, and no store is at fault.
    in_the_way = settings.processing / "..filling.lock"
    in_the_way.mkdir()
    [one] = fill_installation(settings, FillRequest())
    assert isinstance(one, NotFilled)
    assert (one.store, one.damage) == ("third", False)
    assert str(in_the_way) in one.sentence
    assert "store" not in one.sentence.replace(str(three.directory), "")
    in_the_way.rmdir()
    kept = next((three.store("first") / "files/ledger/v1/data/originals").rglob("*.txt"))
    kept.chmod(0o600)
    kept.write_bytes(b"Dear brother")
    finished = three.run("stores", "fill")
    assert finished.returncode == 4
    assert "DAMAGE  first: files/ledger/v1\n  store first: files/ledger/v1/data/" in finished.stdout
    assert "filled  third: files/ledger/v1" in finished.stdout
    assert "store first" in [one.split(":")[0] for one in alarms(three)]
    assert three.kept("third") == three.kept("second")


def test_while_it_is_away_the_job_fails_and_says_so(lacking: Lacking):
    three = lacking.archive
    three.store("third").rename(three.directory / "away")
    finished = three.run("stores", "fill")
    assert finished.returncode == 6
    assert "NOT FILLED  third: all that it lacks" in finished.stdout
    assert "there is no folder" in record_of(Job.FILL_STORES, load_settings(three.directory)).fault
    assert "STORE AWAY  store third: there is no folder" in three.run("status").stdout


def test_an_empty_mount_point_is_not_filled(lacking: Lacking):
    three = lacking.archive
    three.store("third").rename(three.directory / "away")
    (three.store("third") / ".incoming").mkdir(parents=True)
    [one] = fill_installation(load_settings(three.directory), FillRequest())
    assert isinstance(one, NotFilled)
    assert "does not hold the identity" in one.sentence
    assert three.kept("third") == {}


def test_a_replica_that_is_gone_as_a_whole_is_reported_by_status_and_doctor(lacking: Lacking):
    three = lacking.archive
    assert three.run("stores", "fill").returncode == 0
    shutil.rmtree(three.store("second") / "files")
    assert "REPLICA GONE  store second: the whole replica" in three.run("status").stdout
    doctor = three.run("doctor")
    assert doctor.returncode == 2
    assert "replicas in store second: 1 of the newest 1 replica are gone as a whole" in doctor.stdout
    assert "muniment replicate --missing" in doctor.stdout


def test_a_store_that_no_policy_of_the_collection_names_lacks_nothing(three: Archive, ledger: Path):
    policy = three.directory / "policies" / "bit-level.toml"
    text = policy.read_text()
    assert "[replication]" in text
    policy.write_text(text.replace("[replication]", '[replication]\nstores = ["first", "second"]'))
    preserved(three, ledger)
    assert list(fill_installation(load_settings(three.directory), FillRequest())) == []
    assert three.kept("third") == {}


def test_a_new_store_is_filled_with_what_was_kept_before_it_was_there(keeping: NearArchive, ledger: Path):
    archive = keeping
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    file = archive.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}{THIRD}")
    assert archive.run("stores", "init", "third").returncode == 0
    found = list(fill_installation(load_settings(archive.directory), FillRequest()))
    assert [(one.store, str(one.package)) for one in found if isinstance(one, FilledReplica)] == [
        ("third", "files/ledger/v1"),
        ("third", "files/ledger/v2"),
    ]
    assert archive.kept("third") == archive.kept("first")
