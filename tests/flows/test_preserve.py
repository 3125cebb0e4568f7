from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import ask_prefect, installed

from demonstration.drawing import document, photograph, save_scan, srgb_profile
from preservation.errors import UnavailableError
from preservation.model.events import Event, EventType
from storage.journal.sql import SqlJournal
from storage.ports.journal import Appended

SIZE = (240, 160)


@pytest.fixture
def archive(installation: Archive) -> Archive:
    return near(installation)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return make_scans(tmp_path / "drops")


def make_scans(folder: Path) -> Path:
    """Make a drop of two TIFFs, a BMP and a document."""
    drop = folder / "sheet-012"
    drop.mkdir(parents=True)
    save_scan(photograph(SIZE, 0.2), drop / "page_001.tif", 300, srgb_profile())
    save_scan(photograph(SIZE, 0.6), drop / "page_002.tif", 300)
    save_scan(photograph(SIZE, 0.9), drop / "cover.bmp", 300)
    (drop / "index.pdf").write_bytes(document(3, "Index"))
    return drop


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Path]:
    """An installation that keeps the scans, and they themselves: made once, and only copied."""
    folder = tmp_path_factory.mktemp("scanned")
    archive, drop = near(installed(folder / "archive")), make_scans(folder / "drops")
    assert archive.preserve(drop)[0]["verdict"] == "stored"
    return archive, drop


@pytest.fixture
def kept(kept_once: tuple[Archive, Path], tmp_path: Path, api_url: str) -> tuple[Archive, Path]:
    """An installation of one's own that keeps the scans, and scans of one's own."""
    archive, drop = kept_once
    own = shutil.copytree(archive.directory, tmp_path / "archive")
    return near(Archive(own, api_url)), shutil.copytree(drop, tmp_path / "drops" / drop.name)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def journal(archive: Archive) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.run("journal", "show", "--json").stdout.splitlines()]


@pytest.mark.in_prefect
def test_a_drop_is_stored_in_both_stores_byte_for_byte_and_left_as_it_was(archive: Archive, scans: Path):
    before = tree(scans)
    [told] = Archive(archive.directory, archive.api_url).preserve(scans)
    assert told["verdict"] == "stored", told
    assert told["object"] == "images/sheet-012"
    assert (told["object_version"], told["files"]) == (1, 4)
    assert [replica["store"] for replica in told["replicas"]] == ["first", "second"]
    assert archive.kept("first") == archive.kept("second")
    originals = {
        key.removeprefix("images/sheet-012/v1/data/originals/"): content
        for key, content in archive.kept().items()
        if "/data/originals/" in key
    }
    assert originals == before
    assert tree(scans) == before


def test_the_bag_is_valid_to_the_library_of_congress_and_to_sha256sum(kept: tuple[Archive, Path]):
    archive, _ = kept
    bag = archive.store("second") / "images" / "sheet-012" / "v1"
    subprocess.run([sys.executable, "-m", "bagit", "--validate", bag], check=True, capture_output=True)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "manifest-sha256.txt"], cwd=bag, check=True, capture_output=True
    )


def test_the_same_drop_again_is_already_kept_and_nothing_is_written(kept: tuple[Archive, Path]):
    archive, scans = kept
    before = archive.kept()
    [told] = archive.preserve(scans)
    assert told["verdict"] == "already-kept"
    assert told["object_version"] == 1
    assert len(told["replicas"]) == 2
    assert archive.kept() == before


def test_a_changed_drop_becomes_the_next_version_and_the_first_stays(kept: tuple[Archive, Path]):
    archive, scans = kept
    before = archive.kept()
    save_scan(photograph(SIZE, 0.4), scans / "page_003.tif", 300)
    [told] = archive.preserve(scans)
    assert (told["verdict"], told["object_version"]) == ("stored", 2)
    assert before.items() <= archive.kept().items()


def test_a_truncated_scan_is_rejected_with_its_name_and_nothing_is_kept(archive: Archive, scans: Path):
    whole = (scans / "page_002.tif").read_bytes()
    (scans / "page_002.tif").write_bytes(whole[: len(whole) // 2])
    before = tree(scans)
    finished = archive.run("preserve", scans, "--collection", "images", "--json")
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"], told["object_version"]) == (3, "rejected", None)
    [issue] = [issue for issue in told["issues"] if issue["severity"] == "error"]
    assert issue["path"] == "page_002.tif"
    assert issue["code"]
    assert issue["next_step"]
    assert "page_002.tif" in Path(told["receipt"]).read_text()
    assert archive.kept() == {}
    assert tree(scans) == before
    assert journal(archive)[-1]["outcome"] == "fail"


def test_a_drop_of_no_known_format_waits_for_a_person_and_goes_on_when_one_has_answered(
    archive: Archive, tmp_path: Path
):
    drop = tmp_path / "drops" / "unknown"
    drop.mkdir(parents=True)
    (drop / "capture.raw8").write_bytes(bytes((place * 97 + 31) % 251 for place in range(9000)))
    finished = archive.run("preserve", drop, "--collection", "images", "--json")
    assert (finished.returncode, json.loads(finished.stdout)["verdict"]) == (7, "waiting")
    assert archive.kept() == {}
    [told] = archive.preserve(
        drop, more=("--approve", "raw capture of the Xerxes camera", "--by", "Ada Lund")
    )
    assert told["verdict"] == "stored"
    story = archive.run("journal", "show", "images/unknown", "--json").stdout
    assert "raw capture of the Xerxes camera" in story
    assert "Ada Lund" in story
    premis = archive.kept()["images/unknown/v1/metadata/premis.xml"].decode()
    assert "Ada Lund" in premis


@pytest.mark.in_prefect
def test_many_small_drops_go_into_one_flow_run_and_one_failing_does_not_stop_the_others(
    archive: Archive, tmp_path: Path, prefect_url: str
):
    drops = []
    for number in range(5):
        drop = tmp_path / "drops" / f"leaf-{number}-{tmp_path.name}"
        drop.mkdir(parents=True)
        save_scan(photograph(SIZE, number / 5), drop / "recto.tif", 300)
        drops.append(drop)
    (drops[2] / "recto.tif").write_bytes(b"")
    told = near(archive, in_prefect=True).preserve(*drops)
    assert [one["verdict"] for one in told] == ["stored", "stored", "rejected", "stored", "stored"]
    assert [one["object"] for one in told] == [f"images/{drop.name}" for drop in drops]
    # Each object is a tag of its run, and what was rejected is no failure of the others.
    tagged = {"flow_runs": {"tags": {"all_": ["images", f"images/{drops[3].name}"]}}}
    runs = ask_prefect(prefect_url, "flow_runs", tagged)
    assert len(runs) == 1
    assert runs[0]["name"].startswith(f"preserve 5 drops of images: {drops[0].name}")
    assert runs[0]["state"]["name"] == "1 rejected, 4 stored"
    assert runs[0]["state_type"] == "COMPLETED"
    tasks = ask_prefect(prefect_url, "task_runs", {"flow_runs": {"id": {"any_": [runs[0]["id"]]}}})
    assert len(tasks) <= 9


def test_a_store_that_is_away_interrupts_and_only_it_is_written_when_it_is_back(
    archive: Archive, scans: Path
):
    shutil.move(archive.store("second"), archive.directory / "away")
    finished = archive.run("preserve", scans, "--collection", "images", "--json")
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"]) == (6, "interrupted")
    assert "second" in told["sentence"]
    written = {
        path: path.stat().st_mtime_ns
        for path in archive.store("first").rglob("data/originals/*")
        if path.is_file()
    }
    assert len(written) == 4
    shutil.move(archive.directory / "away", archive.store("second"))
    [told] = archive.preserve(scans)
    assert told["verdict"] == "stored"
    assert archive.kept("first") == archive.kept("second")
    assert written == {path: path.stat().st_mtime_ns for path in written}
    story = journal(archive)
    about = [entry["event_type"] for entry in story if entry["object"] == "images/sheet-012"]
    assert (about.count("replication"), about.count("ingestion end")) == (2, 2)


def test_what_a_stage_could_not_append_to_the_journal_is_in_it_when_the_drop_is_answered(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    append = SqlJournal.append

    def gone_at_planning(journal: SqlJournal, events: Iterable[Event]) -> Appended:
        events = list(events)
        if any(event.event_type is EventType.VALIDATION for event in events):
            raise UnavailableError("the database is gone")
        return append(journal, events)

    monkeypatch.setattr(SqlJournal, "append", gone_at_planning)
    (drop := tmp_path / "drops" / "sheet-013").mkdir(parents=True)
    (drop / "scan.tif").write_bytes(b"II*\0 and then nothing")
    [told] = archive.preserve(drop)
    assert told["verdict"] == "rejected"
    types = [entry["event_type"] for entry in journal(archive)]
    assert (types.count("validation"), types.count("ingestion end")) == (1, 1), types


def test_a_zipped_bag_becomes_its_payload_and_its_tag_files_are_kept_apart(archive: Archive, tmp_path: Path):
    bag = tmp_path / "letters"
    bag.mkdir()
    (bag / "letter.txt").write_text("Dear brother\n")
    subprocess.run([sys.executable, "-m", "bagit", "--sha512", bag], check=True, capture_output=True)
    drop = tmp_path / "drops" / "letters.zip"
    drop.parent.mkdir()
    with zipfile.ZipFile(drop, "w") as sink:
        for path in sorted(bag.rglob("*")):
            sink.write(path, f"letters/{path.relative_to(bag)}")
    size = sum(path.stat().st_size for path in bag.rglob("*") if path.is_file())
    [told] = archive.preserve(drop)
    assert (told["verdict"], told["object"]) == ("stored", "images/letters")
    kept = archive.kept()
    assert kept["images/letters/v1/data/originals/letter.txt"] == b"Dear brother\n"
    assert any(key.startswith("images/letters/v1/metadata/submission/bag/bagit.txt") for key in kept)
    happened = {(event["event_type"], event["note"]): event["detail"] for event in journal(archive)}
    assert f"bagit {version('bagit')}" in happened["validation", "valid: 0 errors, 0 warnings"]
    assert hashlib.sha256(drop.read_bytes()).hexdigest() in happened["unpacking", f"6 members, {size} bytes"]
    record = kept["images/letters/v1/metadata/premis.xml"].decode()
    assert "valid: 0 errors, 0 warnings" in record


def test_a_dry_run_tells_the_verdict_and_keeps_nothing(archive: Archive, scans: Path):
    finished = archive.run("preserve", scans, "--collection", "images", "--dry-run", "--json")
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"], told["dry_run"]) == (0, "stored", True)
    assert archive.kept() == {}
    assert journal(archive) == []
    assert list((archive.directory / "processing").rglob("*.jsonl")) == []


def test_nothing_of_a_finished_submission_is_left_in_processing(kept: tuple[Archive, Path]):
    archive, _ = kept
    left = [
        path
        for path in (archive.directory / "processing").rglob("*")
        if ".locks" not in path.parts and path.is_file()
    ]
    assert left == []


def test_a_path_that_is_not_there_is_named_and_no_traceback_is_shown(archive: Archive):
    finished = archive.run("preserve", "/nowhere/at/all", "--collection", "images")
    assert finished.returncode == 6
    assert "/nowhere/at/all" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_prefect_that_does_not_answer_is_named_with_what_to_do(archive: Archive, scans: Path):
    silent = Archive(archive.directory, "http://127.0.0.1:9/api")
    finished = silent.run("preserve", scans, "--collection", "images")
    assert finished.returncode == 6
    assert "http://127.0.0.1:9/api" in finished.stderr


def test_a_database_that_cannot_be_opened_interrupts_and_is_named(archive: Archive, scans: Path):
    shutil.move(archive.directory / "state" / "muniment.db", archive.directory / "state" / "away.db")
    (archive.directory / "state" / "muniment.db").mkdir()
    finished = archive.run("preserve", scans, "--collection", "images", "--json")
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"], told["receipt"]) == (6, "interrupted", None)
    assert "muniment.db" in told["sentence"]
    assert "Traceback" not in finished.stderr


def test_a_zip_of_scans_is_unpacked_and_the_record_says_so_and_what_was_not_examined(
    archive: Archive, tmp_path: Path
):
    pages = tmp_path / "pages"
    pages.mkdir()
    save_scan(photograph(SIZE, 0.2), pages / "page_001.tif", 300, srgb_profile())
    drop = tmp_path / "نامه\u200cها.zip"  # noqa: RUF001  Persian
    with zipfile.ZipFile(drop, "w") as packed:
        packed.write(pages / "page_001.tif", "scans/page_001.tif")
        packed.writestr("scans/list .txt", "one page\n")
        packed.writestr("__MACOSX/scans/._page_001.tif", "x")
    digest = hashlib.sha256(drop.read_bytes()).hexdigest()

    [dry] = [
        json.loads(line)
        for line in archive.run("preserve", "--dry-run", "--json", "-c", "images", drop).stdout.splitlines()
    ]
    [told] = archive.preserve(drop)
    assert (dry["verdict"], dry["files"], told["verdict"], told["files"]) == ("stored", 2, "stored", 2), told
    kept = {key.partition("/v1/")[2]: content for key, content in archive.kept("first").items()}
    assert {"data/originals/page_001.tif", "data/originals/list .txt"} == {
        path for path in kept if path.startswith("data/")
    }
    premis = etree.fromstring(kept["metadata/premis.xml"])
    record = etree.tostring(premis, encoding="unicode")
    unpacking = next(one for one in journal(archive) if one["event_type"] == "unpacking")
    assert digest in unpacking["detail"]
    assert digest in record
    assert ">unpacking<" in record
    # Two originals, and the access copy.
    assert record.count("<dateCreatedByApplication>") == 3
    assert "Not examined: 1 file" in record
    receipt = json.loads(Path(told["receipt"]).with_suffix(".json").read_text())
    found = {issue["code"] for issue in receipt["issues"]}
    assert {"INT-010", "ARC-008", "SCR-080"} <= found
    assert [bool(file["unexamined"]) for file in receipt["files"]] == [True, False]
