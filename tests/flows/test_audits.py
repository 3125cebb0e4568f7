"""Audits as an archivist has them: what is damaged in a store is found, shown, healed or closed, and told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType
from support.archives import Archive
from support.audit_runs import age, lines
from support.command_runs import NearArchive
from support.flow_runs import preserved
from support.forks import forked
from support.processes import children, command_of

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive import audit as audit_module
from flows.archive.audit import NotAudited, audit_installation
from flows.archive.audit_request import AuditRequest, Selection, sample_size
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.jobs import ending
from flows.orchestration.jobs.audit import audit
from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreName
from storage.audits import replica
from storage.audits.work import AuditResult
from storage.ports.audits import Claimant

PAGE = "files/ledger/v1/data/originals/page 1.txt"
DAY = timedelta(days=1)


@pytest.fixture
def archive(keeping: NearArchive) -> Archive:
    return keeping


def alter(path: Path, content: bytes) -> None:
    path.parent.chmod(0o750)
    path.chmod(0o640)
    path.write_bytes(content)


def alarms(archive: Archive) -> list[str]:
    found = outbox_of(load_settings(archive.directory)).open_alarms()
    return [one.alarm.happened for one in found if one.alarm.kind is AlarmKind.INTEGRITY]


def test_nothing_is_due_on_the_day_it_was_kept_and_everything_can_be_asked_for(archive: Archive):
    assert "Nothing was to be read now." in archive.run("audit").stdout
    told = lines(archive.run("audit", "--all", "--json"))
    assert {one["store"] for one in told} == {"first", "second"}
    kept = archive.kept()
    for one in told:
        assert (one["confirmed"], one["bytes"]) == (len(kept), sum(map(len, kept.values())))
        assert (one["not_as_kept"], one["doubts"], one["unjudged"]) == (0, [], "")
    with open_installation(load_settings(archive.directory)) as opened:
        events = [entry for entry in opened.journal.about("files/ledger/v1") if "read from" in entry.detail]
        assert [(entry.event_type, entry.outcome) for entry in events] == [("fixity check", "success")] * 2
        assert f"{len(kept)} files" in events[0].note
    assert archive.run("journal", "verify").returncode == 0


def test_damage_is_shown_everywhere_until_it_is_put_right_and_is_then_healed(archive: Archive):
    page = archive.store("second") / PAGE
    before = page.read_bytes()
    alter(page, b"Another page")
    finished = archive.run("audit", "--all")
    assert finished.returncode == 4
    assert f"store second: {PAGE} has other bytes than were kept" in finished.stdout
    shown = archive.run("damage")
    assert shown.returncode == 4
    assert "MISMATCHED" in shown.stdout
    assert "1 file of 1 replica in second not as kept" in archive.run("status").stdout
    assert json.loads(archive.run("status", "--json").stdout)["not_as_kept"] == 1
    assert "run: muniment damage" in archive.run("doctor").stdout
    [alarm] = alarms(archive)
    assert PAGE in alarm
    # It is known: it raises no further alarm.
    assert archive.run("audit", "--all").returncode == 4
    assert alarms(archive) == [alarm]
    alter(page, before)
    assert archive.run("audit", "--object", "files/ledger").returncode == 0
    assert archive.run("damage").returncode == 0
    [one] = lines(archive.run("damage", "--all", "--json"))
    assert (one["state"], one["kind"], one["path"]) == ("healed", "mismatched", PAGE.partition("v1/")[2])
    assert archive.run("damage", "--all").returncode == 0


def test_what_is_repaired_between_the_look_of_an_audit_and_its_record_is_no_new_damage(
    archive: Archive, ledger: Path
):
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    alter(archive.store("second") / PAGE, b"Another page")
    assert archive.run("audit", "--object", "files/ledger").returncode == 4
    settings = load_settings(archive.directory)
    asked = []

    def goes_on() -> bool:
        asked.append(1)
        # The first version is read, and its damage is not recorded yet.
        if len(asked) == 4:
            with open_installation(settings) as opened:
                # The audit stood still for so long that its claim was over.
                for claimant in opened.audits.claimants():
                    opened.audits.release(claimant)
            approve = ("repair", "approve", "1", "--by", "A. Turner", "--because", "the disk was exchanged")
            assert archive.run(*approve).returncode == 0
            assert archive.run("repair", "--all").returncode == 0
        return True

    request = AuditRequest(Selection.ALL, store=StoreName("second"))
    [v1, v2] = audit_installation(settings, request, read=lambda *_: None, goes_on=goes_on)
    assert isinstance(v1, AuditResult)
    assert isinstance(v2, AuditResult)
    assert (v1.damaged, v1.again, v2.damaged) == (0, 1, 0)
    assert len(asked) >= 4
    assert archive.run("damage").returncode == 0
    [one] = lines(archive.run("damage", "--all", "--json"))
    assert one["state"] == "healed"
    story = archive.run("journal", "show", "files/ledger").stdout
    assert story.count("in store second: mismatched") == 1


def test_a_person_closes_damage_and_the_journal_says_who_and_why(archive: Archive):
    page = archive.store("second") / PAGE
    alter(page, b"Another page")
    archive.run("audit", "--all")
    close = ("damage", "close", "1", "--by", "A. Turner", "--because", "it was withdrawn", "--json")
    [closed] = lines(archive.run(*close))
    assert (closed["state"], closed["ended_by"], closed["because"]) == (
        "closed",
        "A. Turner",
        "it was withdrawn",
    )
    assert archive.run("damage").returncode == 0
    story = archive.run("journal", "show", "files/ledger").stdout
    assert "it was withdrawn" in story
    assert "A. Turner" in story
    assert archive.run("damage", "close", "9", "--by", "A", "--because", "b").returncode == 6
    # Read again, it is new damage.
    archive.run("audit", "--all")
    assert [one["number"] for one in lines(archive.run("damage", "--json"))] == [2]


@pytest.mark.parametrize(
    ("tampered", "doubt"),
    [
        ("UPDATE journal SET line = 'no entry' WHERE subject = 'files/middle'", "the journal cannot be read"),
        ("DELETE FROM journal WHERE subject = 'files/middle'", "the journal nothing of it"),
        ("UPDATE tag_digests SET digest = printf('%064d', 0) WHERE package_id = 2", "it was altered"),
        ("DELETE FROM tag_digests WHERE package_id = 2", "no digest of its tag manifests"),
    ],
)
def test_records_that_cannot_be_right_are_a_doubt_about_their_own_object_alone(
    keeping_three: NearArchive, tampered: str, doubt: str
):
    with closing(sqlite3.connect(keeping_three.directory / "state" / "muniment.db")) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(tampered)
    audited = keeping_three.run("audit", "--all", "--store", "first", "--json")
    doubts = {one["package"]: one["doubts"] for one in map(json.loads, audited.stdout.splitlines())}
    assert {package for package, said in doubts.items() if said} == {"files/middle/v1"}
    assert len(doubts) == 3
    [said] = doubts["files/middle/v1"]
    assert doubt in said


def test_a_store_that_is_away_is_one_sentence_and_no_damage(archive: Archive):
    away = archive.store("second").rename(archive.directory / "away")
    age(archive, 100)
    finished = archive.run("audit", "--json")
    assert finished.returncode == 6
    [fault] = [one for one in lines(finished) if one["package"] is None]
    assert fault["store"] == "second"
    assert fault["is_fault"]
    assert archive.run("damage").returncode == 0
    assert alarms(archive) == []
    record = record_of(Job.AUDIT, load_settings(archive.directory))
    assert "second" in record.fault
    # An empty folder where its disk should be is no store whose files are all missing.
    away_again = archive.store("second")
    away_again.mkdir()
    finished = archive.run("audit", "--all", "--store", "second")
    assert finished.returncode == 6
    assert "Nothing was read." in finished.stdout
    assert "to be read" not in finished.stdout
    assert archive.run("damage").returncode == 0
    away_again.rmdir()
    away.rename(away_again)
    assert archive.run("audit").returncode == 0
    assert record_of(Job.AUDIT, load_settings(archive.directory)).fault == ""


def test_a_replica_that_is_gone_as_a_whole_is_one_damage(archive: Archive):
    shutil.rmtree(archive.store("second") / "files")
    assert archive.run("audit", "--all").returncode == 4
    [one] = lines(archive.run("damage", "--json"))
    assert (one["path"], one["kind"]) == ("", "missing")


def test_the_longest_unread_come_first_within_the_budget_of_the_day(keeping_three: NearArchive):
    archive = keeping_three
    size = sum(len(content) for key, content in archive.kept().items() if key.startswith("files/ledger/"))
    policy = archive.directory / "policies" / "bit-level.toml"
    policy.write_text(f'{policy.read_text()}\n[fixity]\nbudget = "{size // 1000 + 1} kB"\n')
    first = lines(archive.run("audit", "--store", "first", "--json"))
    assert [one["package"] for one in first] == ["files/ledger/v1"]
    # The day's budget is used up, however often it is asked for.
    assert lines(archive.run("audit", "--store", "first", "--json")) == []
    told = {one["store"]: one for one in lines(archive.run("audit", "--dry-run", "--json"))}
    assert told["first"]["bytes"] < told["second"]["bytes"]
    assert told["first"]["overdue_bytes"] > 0


def test_a_share_of_all_is_read_every_day_before_it_is_due(archive: Archive):
    age(archive, 10)
    told = {one["store"]: one for one in lines(archive.run("audit", "--dry-run", "--json"))}
    assert told["first"]["overdue_bytes"] == 0
    assert 0 < told["first"]["bytes"] <= -(-told["first"]["of_bytes"] // 90)
    assert [one["store"] for one in lines(archive.run("audit", "--json"))] == ["first", "second"]
    assert lines(archive.run("audit", "--json")) == []


def test_a_sample_is_drawn_again_from_its_seed_and_widens_where_it_meets_damage(archive: Archive):
    alter(archive.store("second") / PAGE, b"Another page")
    extra = archive.store("second") / "files/ledger/v1/extra"
    extra.parent.chmod(0o750)
    extra.write_bytes(b"put there by hand")
    finished = archive.run("audit", "--sample", "200", "--seed", "7", "--json")
    assert finished.returncode == 4
    told = lines(finished)
    assert [(one["store"], one["seed"]) for one in told if "seed" in one] == [("first", 7), ("second", 7)]
    # The sample drew the page; the whole replica showed what no sample draws.
    kinds = {one["path"]: one["kind"] for one in lines(archive.run("damage", "--json"))}
    assert kinds == {PAGE.partition("v1/")[2]: "mismatched", "extra": "unexpected"}
    story = [json.loads(line) for line in archive.run("journal", "show", "--json").stdout.splitlines()]
    assert [one["outcome"] for one in story if "drawn from" in one["detail"]] == ["success", "fail"]


def test_a_sample_of_a_collection_can_draw_each_of_its_files_and_no_other(archive: Archive):
    finished = archive.run("audit", "--sample", "500", "--seed", "7", "--collection", "files", "--json")
    assert finished.returncode == 0
    told = [one for one in lines(finished) if "seed" in one]
    files = len(archive.kept("first"))
    assert [(one["collection"], one["of_files"]) for one in told] == [("files", files)] * 2
    story = [json.loads(line) for line in archive.run("journal", "show", "--json").stdout.splitlines()]
    notes = [(one["detail"], one["note"]) for one in story if "drawn from" in one["detail"]]
    said = (
        f"500 files drawn from {files} files of files with the seed 7",
        f"{files} different files read, 0 not",
    )
    assert [(detail, note[: len(said[1])]) for detail, note in notes] == [said] * 2
    assert archive.run("audit", "--sample", "5", "--collection", "maps").stdout.startswith(
        "Nothing was to be"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--confidence", "99%"), "belong together"),
        (("--confidence", "99", "--damage", "1%"), "no share"),
        (("--confidence", "99%", "--damage", "100%"), "between 0 and 100"),
        (("--sample", "5", "--all"), "drawn from all of a store"),
        (("--budget", "many"), "no size"),
        (("--object", "ledger"), "collection/name"),
    ],
)
def test_an_audit_that_makes_no_sense_is_refused(archive: Archive, words: tuple[str, ...], sentence: str):
    finished = archive.run("audit", *words)
    assert finished.returncode == 2
    assert sentence in finished.stderr


def test_what_is_not_there_is_named(archive: Archive):
    for words in (("--store", "third"), ("--object", "files/other")):
        finished = archive.run("audit", *words)
        assert finished.returncode == 6
        assert words[1] in finished.stderr


def test_replicas_that_another_audit_reads_are_left_to_it(archive: Archive):
    settings = load_settings(archive.directory)
    with open_installation(settings) as opened:
        [one] = opened.catalogue.packages()
        opened.audits.claim_package(
            Claimant("another"), one.package, StoreName("first"), at=now(), until=now() + DAY / 100
        )
    told = lines(archive.run("audit", "--all", "--json"))
    assert [one["store"] for one in told] == ["second"]
    finished = archive.run("audit", "--object", "files/ledger")
    assert finished.returncode == 0
    assert "another run reads or writes" in finished.stdout


def test_lists_that_are_lost_in_every_store_are_a_fault_and_nothing_is_said_of_the_files(archive: Archive):
    for store in ("first", "second"):
        alter(archive.store(store) / "files/ledger/v1/manifest-sha256.txt", b"no list")
    finished = archive.run("audit", "--all")
    assert finished.returncode == 6
    assert "no store has its lists as they were kept" in finished.stdout
    assert "Files of 0 replicas read" in finished.stdout
    assert "the lists of 2 replicas are lost" in finished.stdout
    [alarm] = alarms(archive)
    assert "no store has its lists" in alarm


def test_lists_that_are_lost_are_damage_until_one_is_put_back_or_a_person_lets_them_be(archive: Archive):
    lists = [
        archive.store(store) / "files/ledger/v1" / name
        for store, name in (("first", "manifest-sha256.txt"), ("second", "tagmanifest-sha256.txt"))
    ]
    before = [one.read_bytes() for one in lists]
    for one in lists:
        alter(one, b"no list")
    for _ in range(2):
        assert archive.run("audit", "--all").returncode == 6
        told = lines(archive.run("damage", "--json"))
        assert [(one["store"], one["path"], one["kind"]) for one in told] == [
            ("first", "manifest-sha256.txt", "mismatched"),
            ("second", "tagmanifest-sha256.txt", "mismatched"),
        ]
    assert "2 files of 2 replicas in first and second not as kept" in archive.run("status").stdout
    for one in told:
        archive.run("repair", "approve", str(one["number"]), "--by", "A. Turner", "--because", "to see it")
    repaired = archive.run("repair", "--all")
    assert repaired.returncode == 4
    assert repaired.stdout.count("no replica has it as it was kept, and nothing was touched") == 2
    assert [one.read_bytes() for one in lists] == [b"no list"] * 2
    # One list that is as it was kept is enough to judge all replicas by it.
    alter(lists[0], before[0])
    assert archive.run("audit", "--all").returncode == 4
    assert [one["store"] for one in lines(archive.run("damage", "--json"))] == ["second"]
    assert archive.run("repair", "--all").returncode == 0
    assert lists[1].read_bytes() == before[1]
    assert archive.run("damage").returncode == 0


def test_lists_that_are_lost_and_that_a_person_lets_be_are_new_damage_when_they_are_read_again(
    archive: Archive,
):
    for store in ("first", "second"):
        alter(archive.store(store) / "files/ledger/v1/manifest-sha256.txt", b"no list")
    archive.run("audit", "--all")
    close = ("damage", "close", "1", "--by", "A. Turner", "--because", "it was withdrawn")
    assert archive.run(*close).returncode == 0
    assert [one["number"] for one in lines(archive.run("damage", "--json"))] == [2]
    archive.run("audit", "--sample", "3")
    assert [one["number"] for one in lines(archive.run("damage", "--json"))] == [2, 3]


def test_an_audit_that_is_stopped_goes_on_where_it_was(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replica, "_PART", 3)
    alter(archive.store("first") / PAGE, b"Another page")
    settings = load_settings(archive.directory)
    request = AuditRequest(Selection.ALL, store=StoreName("first"))
    read: list[int] = []
    # One part more each time.
    parts = 0
    while True:
        parts += 1
        asked = chain([True] * (parts + 1), repeat(False))  # noqa: FBT003  what it answers
        found = list(
            audit_installation(
                settings, request, read=lambda files, _size: read.append(files), goes_on=partial(next, asked)
            )
        )
        if any(isinstance(one, AuditResult) for one in found):
            break
    assert parts > 1
    # What was read ahead of a part is read again; nothing else is.
    assert sum(read) <= len(archive.kept()) + parts * 8 * 2 + 3 * parts
    [one] = lines(archive.run("damage", "--json"))
    assert one["path"] == PAGE.partition("v1/")[2]
    assert archive.run("journal", "verify").returncode == 0


def test_damage_raises_its_alarm_also_where_the_audit_is_stopped_before_the_end_of_the_replica(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "_PART", 3)
    alter(archive.store("first") / "files/ledger/v1/bag-info.txt", b"Other: yes")
    request = AuditRequest(Selection.ALL, store=StoreName("first"))
    asked = chain([True] * 3, repeat(False))  # noqa: FBT003  what it answers
    found = list(
        audit_installation(
            load_settings(archive.directory),
            request,
            read=lambda _files, _size: None,
            goes_on=partial(next, asked),
        )
    )
    assert not any(isinstance(one, AuditResult) for one in found), "it was stopped after a part"
    assert [one["path"] for one in lines(archive.run("damage", "--json"))] == ["bag-info.txt"]
    [told] = alarms(archive)
    assert "bag-info.txt" in told


def test_damage_that_a_killed_audit_recorded_raises_its_alarm_with_the_next_one(archive: Archive):
    alter(archive.store("first") / PAGE, b"altered")

    def killed_before_its_alarm() -> None:
        # In the child: what is recorded is recorded, and nobody is told.
        audit_module.raise_alarms = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        archive.run("audit", "--all")

    child = forked(killed_before_its_alarm)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert alarms(archive) == []
    archive.run("audit")
    [told] = alarms(archive)
    assert PAGE in told
    archive.run("audit", "--all")
    assert alarms(archive) == [told]
    assert list((archive.directory / "state" / "audits-under-way").iterdir()) == []


def test_replicas_that_are_larger_than_what_is_claimed_at_once_are_read_all_the_same(
    keeping_three: NearArchive, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit_module, "_BYTES_TOGETHER", 100)
    age(keeping_three, 100)
    read = lines(keeping_three.run("audit", "--store", "first", "--json"))
    assert [one["package"] for one in read] == ["files/ledger/v1", "files/middle/v1", "files/newest/v1"]


def test_no_more_files_are_read_in_a_day_than_its_policy_allows(keeping_three: NearArchive):
    archive = keeping_three
    files = len([key for key in archive.kept("first") if key.startswith("files/ledger/")])
    policy = archive.directory / "policies" / "bit-level.toml"
    policy.write_text(f"{policy.read_text()}\n[fixity]\nrequests = {files + 1}\n")
    for read in (["files/ledger/v1"], []):
        told = lines(archive.run("audit", "--store", "first", "--json"))
        assert [one["package"] for one in told] == read


def test_the_job_ends_as_what_it_saw(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    def ended(**fields: object) -> tuple[str | None, StateType]:
        state = audit.fn(str(archive.directory), **fields)
        return state.name, state.type

    monkeypatch.setattr(ending, "create_table_artifact", lambda **_: None)

    assert ended(everything=True) == ("As kept", StateType.COMPLETED)
    assert ended() == ("Nothing read", StateType.COMPLETED)
    assert ended(dry_run=True) == ("Planned (dry run)", StateType.COMPLETED)
    alter(archive.store("second") / PAGE, b"Another page")
    assert ended(everything=True) == ("Damaged", StateType.FAILED)
    archive.store("second").rename(archive.directory / "away")
    assert ended(everything=True) == ("Not read", StateType.FAILED)
    assert ended(sample=3, everything=True) == ("Refused", StateType.FAILED)


def test_at_other_hours_nothing_is_read_and_that_is_no_fault(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("preservation.policy.fixity.ReadingPace.is_open", lambda _self, _local: False)
    found = list(
        audit_installation(
            load_settings(archive.directory), AuditRequest(Selection.ALL), read=lambda _files, _size: None
        )
    )
    assert [type(one) for one in found] == [NotAudited, NotAudited]
    assert not any(one.is_fault for one in found if isinstance(one, NotAudited))


def test_the_size_of_a_sample_keeps_its_promise():
    assert sample_size(0.99, 0.0001) == 46_050
    assert sample_size(0.95, 0.01) == 299
    with pytest.raises(ConfigurationError):
        sample_size(1, 0.5)


def test_damage_is_called_the_same_where_processes_read(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_module, "_MANY_FILES", 1)
    assert archive.run("audit", "--all").returncode == 0
    folder = (archive.store("second") / PAGE).parent
    alter(archive.store("second") / PAGE, b"Another page")
    (folder / "put there by hand").write_bytes(b"x")
    others = sorted(path for path in folder.iterdir() if path.name not in {"page 1.txt", "put there by hand"})
    others[0].unlink()
    settings = load_settings(archive.directory)
    read: list[int] = []
    results = list(
        audit_installation(settings, AuditRequest(Selection.ALL), read=lambda files, _: read.append(files))
    )
    [damaged] = [one for one in results if isinstance(one, AuditResult) and one.damaged]
    assert {one.path.rpartition("/")[2]: one.kind.value for one in damaged.damages} == {
        "page 1.txt": "mismatched",
        "put there by hand": "unexpected",
        others[0].name: "missing",
    }
    # Each file counts once, whoever read it.
    assert sum(read) == 2 * len(archive.kept()) - 1
    assert not [one for one in children(os.getpid()) if "confirmer_processes" in command_of(one)]
