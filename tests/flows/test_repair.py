"""Repair by the command: damage in a store is put right from another one, once a person approved it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import surroundings
from support.forks import forked
from support.kept_object import Letters, keep_letters
from support.replica_damage import damages_between

from flows.alarms.alarms import outbox_of
from flows.archive.repair import repair_damage
from flows.archive.repair_quarantine import QuarantineRecord
from flows.archive.repair_results import RepairState
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from flows.orchestration.jobs import ending
from flows.orchestration.jobs.repair import repair
from preservation.bagit.validation import validate
from preservation.model.damage import DamageKind
from preservation.model.identifiers import StoreName
from preservation.records import Records
from storage.ports.audits import DamageState, RecordedDamage

SISTER = "files/letters/v1/data/originals/1911/to my sister.txt"
BROTHER = "files/letters/v1/data/originals/1911/to my brother.txt"
COMMIT = "files/letters/v1/tagmanifest-sha256.txt"
STRAY = "files/letters/v1/data/originals/stray.txt"
WHO = ("--because", "the disk was exchanged", "--by", "A. Turner")


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    return keep_letters(tmp_path_factory.mktemp("repaired"))


@pytest.fixture
def archive(kept_once: Letters, tmp_path: Path) -> Archive:
    return near(kept_once.copied(tmp_path).archive)


@pytest.fixture
def before(archive: Archive) -> dict[str, bytes]:
    """What both stores have."""
    assert archive.kept("first") == archive.kept("second")
    return archive.kept("first")


def put(archive: Archive, key: str, content: bytes | None, store: str = "first") -> None:
    """Let a file of a store have other content, or be gone."""
    place = archive.store(store) / key
    place.unlink(missing_ok=True)
    if content is not None:
        place.write_bytes(content)


def audited(archive: Archive, before: dict[str, bytes], store: str = "first") -> list[RecordedDamage]:
    """Record what is damaged in a store, as an audit does; return all that is open."""
    found = list(damages_between(StoreName(store), before, archive.kept(store)))
    with open_installation(load_settings(archive.directory)) as opened:
        opened.audits.record_damage(found, ())
        return list(opened.audits.damages())


def damages(archive: Archive, state: DamageState | None = DamageState.OPEN) -> list[RecordedDamage]:
    with open_installation(load_settings(archive.directory)) as opened:
        return list(opened.audits.damages(state))


def told(archive: Archive, *words: str, code: int = 0) -> list[dict[str, Any]]:
    finished = archive.run("repair", *words, "--json")
    assert finished.returncode == code, (finished.stdout, finished.stderr)
    return [json.loads(line) for line in finished.stdout.splitlines()]


def configure(archive: Archive, text: str) -> None:
    file = archive.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}\n{text}\n")


def events(archive: Archive, *, begun: bool = False) -> list[tuple[str, str]]:
    """What the journal has of the object: types and outcomes; beginnings of repairs, or all else."""
    with open_installation(load_settings(archive.directory)) as opened:
        found = list(opened.journal.about("files/letters"))
    return [(one.event_type, one.outcome) for one in found if one.note.startswith("begun: ") is begun]


def alarms(archive: Archive) -> list[str]:
    return [one.alarm.happened for one in outbox_of(load_settings(archive.directory)).open_alarms()]


def test_damage_is_repaired_when_a_person_approved_it_and_the_package_is_valid_again(
    archive: Archive, before: dict[str, bytes]
):
    real = Archive(archive.directory, archive.api_url)
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, None)
    put(archive, COMMIT, b"")
    put(archive, STRAY, b"stray")
    assert archive.run("audit", "--all").returncode == 4
    numbers = [one.number for one in damages(archive)]
    assert not validate(archive.store("first") / "files/letters/v1").valid
    waiting = told(archive, "files/letters", code=7)
    assert {one["state"] for one in waiting} == {"waiting"}
    assert f"muniment repair approve {numbers[0]} --because" in waiting[0]["sentence"]
    approved = told(archive, "approve", f"{numbers[0]}-{numbers[-1]}", *WHO)
    assert [one["number"] for one in approved] == numbers
    dry = told(archive, "--all", "--dry-run")
    assert [one["state"] for one in dry] == ["healable"] * 4
    assert archive.kept("first") != before
    done = {one["path"]: one["state"] for one in told(real, "--all")}
    assert done == {
        "data/originals/1911/to my brother.txt": "healed",
        "data/originals/1911/to my sister.txt": "healed",
        "data/originals/stray.txt": "taken-away",
        "tagmanifest-sha256.txt": "healed",
    }
    assert archive.kept("first") == before
    assert archive.kept("second") == before
    assert validate(archive.store("first") / "files/letters/v1").valid
    assert damages(archive) == []
    assert {one.state for one in damages(archive, None)} == {DamageState.HEALED}
    kinds = [kind for kind, _ in events(archive)]
    assert (kinds.count("recovery"), kinds.count("quarantine")) == (3, 1)
    assert events(archive, begun=True) == [("recovery", "success")]
    with open_installation(load_settings(archive.directory)) as opened:
        [first, *_] = [one for one in opened.journal.about("files/letters") if "was approved" in one.detail]
        assert (first.agent_name, first.note) == ("A. Turner", "the disk was exchanged")
    assert archive.run("journal", "verify").returncode == 0
    assert archive.run("repair", "--all").stdout == "No damage is open.\n"
    assert archive.run("audit", "--all").returncode == 0
    assert record_of(Job.REPAIR_DAMAGE, load_settings(archive.directory)).fault == ""


def test_the_quarantine_has_what_was_replaced_with_a_record_of_each(
    archive: Archive, before: dict[str, bytes]
):
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, None)
    [one, other] = audited(archive, before)
    told(archive, "approve", str(one.number), str(other.number), *WHO)
    told(archive, "--all")
    folder = archive.directory / "quarantine/repairs/first/files/letters/v1"
    records = {
        record.key: (path, record)
        for path in folder.glob("*.json")
        for record in Records(path, QuarantineRecord)
    }
    assert set(records) == {SISTER, BROTHER}
    path, record = records[SISTER]
    assert path.with_suffix("").read_bytes() == b"Dear Sister\n"
    assert (record.size, record.why, record.store) == (12, "it had other bytes than were kept", "first")
    path, record = records[BROTHER]
    assert (record.size, record.why, path.with_suffix("").exists()) == (0, "nothing was there", False)
    assert len(list(folder.iterdir())) == 3
    assert (archive.directory / "quarantine/repairs").stat().st_mode & 0o777 == 0o700


def test_what_is_not_approved_stays(archive: Archive, before: dict[str, bytes]):
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, None)
    [brother, sister] = audited(archive, before)
    told(archive, "approve", str(sister.number), *WHO)
    done = told(archive, "--all", code=7)
    assert {one["number"]: one["state"] for one in done} == {
        brother.number: "waiting",
        sister.number: "healed",
    }
    assert [one.number for one in damages(archive)] == [brother.number]
    finished = archive.run("repair", "approve", "999", *WHO)
    assert finished.returncode == 6
    assert "damage 999" in finished.stderr
    assert archive.run("repair", "approve", "x", *WHO).returncode == 2
    assert archive.run("repair").returncode == 2
    assert archive.run("repair", "files/letters", "--all").returncode == 2


def test_automatic_repair_asks_nobody_but_for_what_would_be_taken_away(
    archive: Archive, before: dict[str, bytes]
):
    configure(archive, '[repair]\nmode = "automatic"')
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, STRAY, b"stray")
    audited(archive, before)
    done = {one["path"].rpartition("/")[2]: one["state"] for one in told(archive, "--all", code=7)}
    assert done == {"to my sister.txt": "healed", "stray.txt": "waiting"}


def test_more_damaged_objects_than_the_ceiling_are_a_disaster_and_wait_whatever_the_mode(
    archive: Archive, before: dict[str, bytes]
):
    configure(archive, '[repair]\nmode = "automatic"\nmost_objects = 0')
    put(archive, SISTER, b"Dear Sister\n")
    [one] = audited(archive, before)
    [waiting] = told(archive, "--all", code=7)
    assert waiting["state"] == "waiting"
    assert "more than 0 objects are damaged" in waiting["sentence"]
    assert [alarm for alarm in alarms(archive) if "More than 0 objects" in alarm]
    assert archive.kept("first") != before
    told(archive, "approve", str(one.number), *WHO)
    assert [one["state"] for one in told(archive, "--all")] == ["healed"]
    assert archive.kept("first") == before


def test_a_file_that_no_replica_has_as_it_was_kept_is_an_alarm_and_nothing_is_touched(
    archive: Archive, before: dict[str, bytes]
):
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, SISTER, b"dear sister", "second")
    [one] = audited(archive, before)
    told(archive, "approve", str(one.number), *WHO)
    hurt = [archive.kept(store) for store in ("first", "second")]
    [lost] = told(archive, "--all", "--dry-run", code=4)
    assert alarms(archive) == []
    [lost] = told(archive, "--all", code=4)
    assert lost["state"] == "no-good-replica"
    assert [(left["store"], left["bytes"]) for left in lost["salvage"]] == [("second", 11), ("first", 12)]
    assert Path(lost["salvage"][0]["location"]).read_bytes() == b"dear sister"
    assert [archive.kept(store) for store in ("first", "second")] == hurt
    assert not (archive.directory / "quarantine/repairs").exists()
    assert any("no replica has it as it was kept" in alarm for alarm in alarms(archive))
    assert any(alarm.startswith("store second:") for alarm in alarms(archive))
    assert [outcome for kind, outcome in events(archive) if kind == "recovery"] == ["fail"]
    assert events(archive, begun=True) == []
    assert [one.number for one in damages(archive)] == [lost["number"]]


def test_what_has_become_sound_is_not_replaced_and_its_damage_ends(
    archive: Archive, before: dict[str, bytes]
):
    put(archive, SISTER, b"Dear Sister\n")
    [one] = audited(archive, before)
    put(archive, SISTER, before[SISTER])
    inode = (archive.store("first") / SISTER).stat().st_ino
    told(archive, "approve", str(one.number), *WHO)
    assert [one["state"] for one in told(archive, "--all")] == ["as-kept"]
    assert (archive.store("first") / SISTER).stat().st_ino == inode
    [healed] = damages(archive, DamageState.HEALED)
    assert healed.because == "it was read again, and is as it was kept"
    assert [kind for kind, _ in events(archive)].count("recovery") == 0
    assert events(archive, begun=True) == []


def test_a_store_that_is_away_is_repaired_when_it_is_back(archive: Archive, before: dict[str, bytes]):
    put(archive, SISTER, b"Dear Sister\n")
    [one] = audited(archive, before)
    told(archive, "approve", str(one.number), *WHO)
    for name in ("first", "second"):
        archive.store(name).rename(archive.directory / "away")
        [result] = told(archive, "--all", code=6)
        assert result["state"] == "not-healed"
        assert "there is no folder" in result["sentence"]
        assert "there is no folder" in record_of(Job.REPAIR_DAMAGE, load_settings(archive.directory)).fault
        (archive.directory / "away").rename(archive.store(name))
    assert [one["state"] for one in told(archive, "--all")] == ["healed"]


def test_a_replica_that_is_gone_as_a_whole_is_filled(archive: Archive, before: dict[str, bytes]):
    for key in before:
        put(archive, key, None)
    assert archive.run("audit", "--all").returncode == 4
    [whole] = damages(archive)
    assert (whole.damage.kind, whole.damage.path) == (DamageKind.MISSING, "")
    told(archive, "approve", str(whole.number), *WHO)
    [healed] = told(archive, "--all")
    assert healed["state"] == "healed"
    assert "the whole replica of files/letters/v1" in healed["sentence"]
    assert archive.kept("first") == before


def test_a_link_in_the_place_of_a_file_is_not_followed_or_replaced(
    archive: Archive, before: dict[str, bytes], tmp_path: Path
):
    outside = tmp_path / "outside"
    outside.write_bytes(b"not ours")
    [one] = audited(archive, {**before, SISTER: b"as if other bytes were kept"})
    put(archive, SISTER, None)
    (archive.store("first") / SISTER).symlink_to(outside)
    told(archive, "approve", str(one.number), *WHO)
    [result] = told(archive, "--all", code=6)
    assert "is a link" in result["sentence"]
    assert outside.read_bytes() == b"not ours"


def test_two_repairs_do_not_run_at_once(archive: Archive, before: dict[str, bytes]):
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, b"Dear Brother\n")
    found = audited(archive, before)
    told(archive, "approve", *(str(one.number) for one in found), *WHO)
    running = repair_damage(load_settings(archive.directory))
    assert next(running).state is RepairState.HEALED
    finished = archive.run("repair", "--all")
    assert finished.returncode == 6
    assert "another run repairs" in finished.stderr
    # Whoever reads the results goes away: what was done by then is recorded.
    running.close()
    assert len(damages(archive)) == 1


def test_the_job_approves_by_its_form_repairs_and_says_what_waits(
    archive: Archive, before: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    tables: list[list[dict[str, str]]] = []
    monkeypatch.setattr(ending, "create_table_artifact", lambda **given: tables.append(given["table"]))
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, None)
    [brother, sister] = audited(archive, before)
    directory = str(archive.directory)
    with surroundings(archive):
        state = repair.fn(directory)
        assert (state.name, state.type.value) == ("Waiting", "COMPLETED")
        assert [row["damage"] for row in tables[-1]] == [str(brother.number), str(sister.number)]
        assert "2 damages to be approved" in (state.message or "")
        assert repair.fn(directory, approve=str(sister.number)).name == "Refused"
        state = repair.fn(directory, approve=f" {sister.number}, ", by="A. Turner", because="it is bit rot")
        assert (state.name, {row["damage"]: row["is"] for row in tables[-1]}) == (
            "Waiting",
            {str(brother.number): "waiting", str(sister.number): "healed"},
        )
        state = repair.fn(directory, approve=str(brother.number), by="A. Turner", because="too")
        assert state.name == "Repaired"
        assert repair.fn(directory).name == "Nothing to repair"
    assert archive.kept("first") == before


ACTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod"}
"""What changes names on a disk, by Python's audit events; so does opening a file that is to be made."""


def repair_until(directory: Path, last: int, counted: Path | None = None) -> None:
    """Repair, and kill this process just before the act of that number; write down which there were."""
    done: list[str] = []

    def count_act(event: str, given: tuple[object, ...]) -> None:
        if event in ACTS or (event == "open" and isinstance(given[2], int) and given[2] & os.O_CREAT):
            done.append(event)
            if len(done) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = load_settings(directory)
    sys.addaudithook(count_act)
    for _ in repair_damage(settings):
        pass
    if counted is not None:
        counted.write_text(" ".join(done))


def ended(*given: object) -> int | None:
    """Repair in a process of its own until it ends, or is killed."""
    child = forked(repair_until, *given)
    child.start()
    child.join()
    return child.exitcode


@pytest.mark.parametrize("apart", [13, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_any_act_a_repair_goes_on_and_ends_as_if_it_had_not_been(
    archive: Archive, before: dict[str, bytes], tmp_path: Path, apart: int
):
    put(archive, SISTER, b"Dear Sister\n")
    put(archive, BROTHER, None)
    put(archive, COMMIT, b"")
    put(archive, STRAY, b"stray")
    hurt = archive.kept("first")
    found = audited(archive, before)
    told(archive, "approve", *(str(one.number) for one in found), *WHO)
    allowed = {key: {before.get(key), hurt.get(key)} for key in before.keys() | hurt.keys()}
    damaged = archive.directory.rename(tmp_path / "damaged")

    def anew() -> None:
        shutil.rmtree(archive.directory, ignore_errors=True)
        shutil.copytree(damaged, archive.directory)

    anew()
    counted = tmp_path / "acts"
    assert ended(archive.directory, 0, counted) == 0
    acts = counted.read_text().split()
    # Where a name changes hands, always; of the others, so far apart.
    instants = [
        number
        for number, act in enumerate(acts, 1)
        if act == "os.rename" or "os.rename" in acts[number - 2 : number - 1] or number % apart == 0
    ]
    for instant in instants:
        anew()
        assert ended(archive.directory, instant) == -signal.SIGKILL, instant
        kept = archive.kept("first")
        # What was changed was announced.
        assert kept == hurt or events(archive, begun=True), instant
        # There is a whole file at any instant, the old one or the new one.
        assert all(kept.get(key) in contents for key, contents in allowed.items()), instant
        assert kept.keys() <= allowed.keys(), instant
        assert ended(archive.directory, 0) == 0, instant
        assert archive.kept("first") == before == archive.kept("second"), instant
        assert damages(archive) == [], instant
        kinds = [kind for kind, outcome in events(archive) if outcome == "success"]
        assert (kinds.count("recovery"), kinds.count("quarantine")) == (3, 1), instant
        # What was replaced is in the quarantine, and nothing of it lies in the store's own area.
        folder = archive.directory / "quarantine/repairs/first/files/letters/v1"
        taken = {path.read_bytes() for path in folder.iterdir() if not path.suffix}
        assert taken == {b"Dear Sister\n", b"", b"stray"}, instant
    assert archive.run("journal", "verify").returncode == 0
    assert validate(archive.store("first") / "files/letters/v1").valid
