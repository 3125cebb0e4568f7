"""Drills: what is kept comes out of each store alone, and nothing but records of that stays."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from support.archives import Archive
from support.command_runs import NearArchive, near
from support.flow_runs import installed, preserved
from support.forks import forked

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive.drills import replica
from flows.archive.drills.certificate import certificate_page
from flows.archive.drills.drill import DrillRequest, drill_installation
from flows.archive.drills.loss import store_loss
from flows.archive.drills.record import DrillRecord, DrillVerdict, drill_records, drills_folder
from flows.installation import disk_space
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.errors import ConfigurationError, NotFoundError, UnavailableError
from preservation.files.lock import locked
from preservation.model.amounts import OnProgress
from preservation.model.damage import DamageKind
from preservation.model.identifiers import PackageId, StoreName, parse_object_id
from storage.ports.stores import unwatched

MAIL = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'
LEDGER = DrillRequest(object_id=parse_object_id("files/ledger"))
DRAWN = DrillRequest(1)


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation in which a ledger is kept."""
    folder = tmp_path_factory.mktemp("kept")
    made = installed(folder / "archive")
    file = made.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}{MAIL}")
    drop = folder / "drops" / "ledger"
    drop.mkdir(parents=True)
    for number in range(3):
        (drop / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    preserved(made, drop)
    return made


@pytest.fixture
def archive(kept_once: Archive, tmp_path: Path) -> NearArchive:
    """A copy of it for one test."""
    return near(replace(kept_once, directory=shutil.copytree(kept_once.directory, tmp_path / "archive")))


@pytest.fixture
def settings(archive: Archive) -> Settings:
    return load_settings(archive.directory)


def drilled(settings: Settings, request: DrillRequest = DRAWN) -> DrillRecord:
    [record] = drill_installation(settings, request)
    return record


def verdicts(record: DrillRecord) -> dict[str, DrillVerdict]:
    return {one.store: one.verdict for one in record.replicas}


def replace_bytes(file: Path, content: bytes) -> None:
    file.chmod(0o600)
    file.write_bytes(content)


def alarms(settings: Settings) -> list[str]:
    waiting = outbox_of(settings).waiting()
    return [one.alarm.happened for one in waiting if one.alarm.kind is AlarmKind.INTEGRITY]


def test_a_version_is_restored_from_each_store_alone_and_only_records_stay(
    archive: Archive, settings: Settings
):
    before = archive.kept("first"), archive.kept("second")
    record = drilled(settings)
    assert verdicts(record) == {"first": DrillVerdict.RESTORED, "second": DrillVerdict.RESTORED}
    files = len([key for key in archive.kept() if key.startswith("files/ledger/v1/")])
    assert {one.files for one in record.replicas} == {files}
    assert {one.bytes for one in record.replicas} == {sum(map(len, archive.kept().values()))}
    assert (archive.kept("first"), archive.kept("second")) == before
    assert [path.name for path in settings.processing.glob(".drilling-*")] == []
    assert list(drill_records(settings)) == [record]
    page = (drills_folder(settings) / f"{record.stem}.html").read_text()
    assert "Restored as it was kept" in page
    assert "nothing here opens" in page
    with open_installation(settings) as opened:
        events = [one for one in opened.journal.about("files/ledger") if record.id in one.detail]
        assert [(one.event_type, one.object, one.outcome) for one in events] == [
            ("fixity check", "files/ledger/v1", "success")
        ] * 2
    run = record_of(Job.DRILL, settings)
    assert (run.fault, run.ended is not None) == ("", True)


def test_what_one_store_has_damaged_is_not_taken_from_another(archive: Archive, settings: Settings):
    place = archive.store("second") / "files/ledger/v1/data/originals"
    replace_bytes(place / "page 0.txt", b"Another page")
    (place / "page 1.txt").unlink()
    record = drilled(settings)
    assert verdicts(record) == {"first": DrillVerdict.RESTORED, "second": DrillVerdict.DAMAGED}
    second = record.replicas[1]
    assert second.sentence.startswith("2 files are not there as kept")
    with open_installation(settings) as opened:
        found = {str(one.damage.path): one.damage for one in opened.audits.damages()}
    assert {path: one.kind for path, one in found.items()} == {
        "data/originals/page 0.txt": DamageKind.MISMATCHED,
        "data/originals/page 1.txt": DamageKind.MISSING,
    }
    assert {one.store for one in found.values()} == {"second"}
    assert len(alarms(settings)) == 1
    assert "store second" in record_of(Job.DRILL, settings).fault
    assert [path.name for path in settings.processing.glob(".drilling-*")] == []


def test_damage_of_bytes_that_lie_in_an_earlier_version_is_recorded_of_that_one(
    archive: Archive, settings: Settings, ledger: Path
):
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    replace_bytes(archive.store("first") / "files/ledger/v1/data/originals/page 2.txt", b"Another")
    record = drilled(settings, LEDGER)
    assert record.package == "files/ledger/v2"
    assert verdicts(record) == {"first": DrillVerdict.DAMAGED, "second": DrillVerdict.RESTORED}
    with open_installation(settings) as opened:
        [found] = opened.audits.damages()
    assert (str(found.damage.package), found.damage.path) == ("files/ledger/v1", "data/originals/page 2.txt")


def test_a_replica_that_is_gone_as_a_whole_is_damaged(archive: Archive, settings: Settings):
    shutil.rmtree(archive.store("first") / "files")
    assert verdicts(drilled(settings))["first"] is DrillVerdict.DAMAGED
    with open_installation(settings) as opened:
        [found] = opened.audits.damages()
    assert (found.damage.kind, found.damage.path) == (DamageKind.MISSING, "")


def test_a_replica_that_lost_its_tag_manifest_is_damaged_in_that_file(archive: Archive, settings: Settings):
    (archive.store("first") / "files/ledger/v1/tagmanifest-sha256.txt").unlink()
    assert verdicts(drilled(settings))["first"] is DrillVerdict.DAMAGED
    with open_installation(settings) as opened:
        [found] = opened.audits.damages()
        entries = list(opened.journal.about("files/ledger/v1/tagmanifest-sha256.txt"))
    assert (found.damage.kind, found.damage.path) == (DamageKind.MISSING, "tagmanifest-sha256.txt")
    assert [(one.event_type, one.outcome) for one in entries] == [("fixity check", "fail")]


def test_a_replica_whose_tag_files_were_altered_is_damaged(archive: Archive, settings: Settings):
    replace_bytes(archive.store("first") / "files/ledger/v1/manifest-sha256.txt", b"")
    record = drilled(settings)
    assert verdicts(record)["first"] is DrillVerdict.DAMAGED
    assert "not what the tag manifest promises" in record.replicas[0].sentence
    assert len(alarms(settings)) == 1


def test_of_a_store_that_is_away_nothing_is_known_and_nothing_counts_as_damaged(
    archive: Archive, settings: Settings
):
    archive.store("first").rename(archive.directory / "away")
    record = drilled(settings)
    assert verdicts(record) == {"first": DrillVerdict.NOT_RESTORED, "second": DrillVerdict.RESTORED}
    with open_installation(settings) as opened:
        assert list(opened.audits.damages(None)) == []
    assert alarms(settings) == []
    assert "first" in record_of(Job.DRILL, settings).fault


def test_a_store_that_goes_away_while_it_is_read_is_not_called_damaged(archive: Archive, settings: Settings):
    def going(_: PackageId, store: StoreName, work: str) -> OnProgress:
        if (store, work) == ("first", "restoring"):
            archive.store("first").rename(archive.directory / "away")
        return unwatched

    [record] = drill_installation(settings, DRAWN, progress=going)
    assert verdicts(record) == {"first": DrillVerdict.NOT_RESTORED, "second": DrillVerdict.RESTORED}
    assert "went away while it was read" in record.replicas[0].sentence
    with open_installation(settings) as opened:
        assert list(opened.audits.damages(None)) == []
    assert alarms(settings) == []


def test_where_there_is_no_room_nothing_is_restored_and_that_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk_space, "_space", lambda _: disk_space.DiskSpace(1, 10**12, 1000))
    record = drilled(settings)
    assert set(verdicts(record).values()) == {DrillVerdict.NOT_RESTORED}
    assert "there is no room for" in record.replicas[0].sentence
    assert list(settings.processing.glob(".drilling-*")) == []


def test_images_and_documents_are_opened_and_one_that_does_not_open_is_not_called_damaged(
    archive: Archive, settings: Settings, tmp_path: Path
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for name in ("whole.png", "cut.png"):
        Image.fromarray(pixels).save(folder / name)
    content = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    # By this policy files are kept as they are.
    preserved(archive, folder)
    record = drilled(settings, DrillRequest(object_id=parse_object_id("files/pictures")))
    assert set(verdicts(record).values()) == {DrillVerdict.NOT_RENDERED}
    rendered = record.replicas[0].rendered
    assert (rendered.images, rendered.failures) == (1, 1)
    assert "cut.png" in rendered.failed[0]
    assert "the bytes are those that were kept" in record.replicas[0].sentence
    assert alarms(settings) == []
    assert archive.run("drill", "--object", "files/pictures").returncode == 3


def test_what_a_killed_drill_left_is_removed_by_the_next(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    def killed() -> None:
        monkeypatch.setattr(replica, "render_files", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        list(drill_installation(settings, LEDGER))

    process = forked(killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [left] = settings.processing.glob(".drilling-*")
    assert (left / "restored").is_dir()
    assert list(drill_records(settings)) == []
    assert verdicts(drilled(settings))["first"] is DrillVerdict.RESTORED
    assert list(settings.processing.glob(".drilling-*")) == []


def test_what_is_not_there_is_refused_and_two_do_not_drill_at_once(settings: Settings):
    with pytest.raises(NotFoundError, match="files/unheard-of"):
        drilled(settings, DrillRequest(object_id=parse_object_id("files/unheard-of")))
    with pytest.raises(ConfigurationError, match="there is no store 'third'"):
        drilled(settings, DrillRequest(store=StoreName("third")))
    with (
        locked(settings.state / "drill.lock", wait=False),
        pytest.raises(UnavailableError, match="another run drills"),
    ):
        drilled(settings)


def test_the_command_says_what_it_would_drill_what_it_drilled_and_where_the_certificate_is(
    archive: NearArchive, settings: Settings
):
    dry = archive.run("drill", "--dry-run", "--seed", "5", "--json")
    planned = json.loads(dry.stdout)
    assert (planned["package"], planned["stores"]) == ("files/ledger/v1", ["first", "second"])
    assert planned["choice"]["seed"] == 5
    assert not drills_folder(settings).exists()
    finished = archive.run("drill", "--store", "second", "--seed", "5", "--json")
    # It drew from one store: the job that draws from all of them did not run.
    assert record_of(Job.DRILL, settings).began is None
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert [one["store"] for one in told["replicas"]] == ["second"]
    assert Path(told["certificate"]).is_file()
    assert json.loads(Path(told["certificate"]).with_suffix(".json").read_text())["id"] == told["drill"]
    assert "RESTORED  files/ledger/v1" in archive.run("drill", "--object", "files/ledger").stdout


def test_the_loss_of_a_store_is_told_on_paper(archive: NearArchive, settings: Settings, tmp_path: Path):
    drilled(settings, DrillRequest(store=StoreName("second")))
    lone = tmp_path / "drops" / "lone"
    lone.mkdir(parents=True)
    (lone / "page.txt").write_text("Alone\n")
    policy = archive.directory / "policies" / "bit-level.toml"
    as_before = policy.read_text()
    alone = re.sub(r"copies( *)= 2", r"copies\1= 1", re.sub(r"sites( *)= 2", r"sites\1= 1", as_before))
    policy.write_text(alone.replace("[replication]", '[replication]\nstores = ["first"]'))
    preserved(archive, lone)
    policy.write_text(as_before)
    loss = store_loss(settings, StoreName("first"))
    assert (loss.held.versions, loss.gone.versions, loss.gone.named) == (2, 1, ["files/lone/v1"])
    assert (loss.to_copy.versions, loss.unmet) == (1, {"files": 2})
    assert loss.seconds is not None
    assert archive.run("drill", "--lose", "first", "--json").returncode == 4
    finished = archive.run("drill", "--lose", "second")
    assert finished.returncode == 0
    assert "Nothing would be gone" in finished.stdout
    assert archive.run("drill", "--lose", "third").returncode == 2


def test_a_store_on_the_site_of_the_others_shows_what_would_be_lost_with_the_site(archive: Archive):
    file = archive.directory / "muniment.toml"
    file.write_text(file.read_text().replace('site = "second-site"', 'site = "first-site"'))
    loss = store_loss(load_settings(archive.directory), StoreName("first"))
    assert (loss.gone.versions, loss.gone_with_site.versions) == (0, 1)
    assert any("lost with that" in sentence for sentence in loss.sentences)


def test_a_record_that_cannot_be_read_is_passed_over(settings: Settings):
    record = drilled(settings)
    (drills_folder(settings) / "2026-01-01-none.json").write_text('{"id": 7')
    assert list(drill_records(settings)) == [record]


def test_a_certificate_runs_nothing_fetches_nothing_and_shows_hostile_text_as_text(settings: Settings):
    record = drilled(settings)
    hostile = msgspec.structs.replace(record.replicas[0], sentence="<script>alert(1)</script>\u202e")
    page = certificate_page(msgspec.structs.replace(record, replicas=(hostile,))).decode()
    assert re.search(r"<script|<link|<img|https?://|url\(|\u202e", page) is None
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
