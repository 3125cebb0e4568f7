"""Digitization in several steps: a drop that adds to its object is completed with what is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bagit
import pytest
from support.command_runs import NearArchive

from flows.alarms.alarms import outbox_of
from flows.installation.settings_file import load_settings

PAGES = {f"page {number}.txt": f"Page {number}\n".encode() * 1000 for number in range(3)}
"""What the installation keeps as its first version."""

LATER = 1_700_000_000


def a_drop(folder: Path, files: dict[str, bytes]) -> Path:
    drop = folder / "ledger"
    for name, content in files.items():
        (drop / name).parent.mkdir(parents=True, exist_ok=True)
        (drop / name).write_bytes(content)
        os.utime(drop / name, (LATER, LATER))
    return drop


@pytest.fixture
def adding(keeping: NearArchive) -> NearArchive:
    """An installation whose policy completes drops, and that keeps three pages of a ledger."""
    policy = keeping.directory / "policies" / "bit-level.toml"
    policy.write_text(policy.read_text().replace('removed   = "keep"', 'removed   = "complete"'))
    return keeping


def told(archive: NearArchive, drop: Path) -> dict[str, Any]:
    [one] = archive.preserve(drop, collection="files")
    return one


def codes_of(one: dict[str, Any]) -> list[str]:
    return [issue["code"] for issue in one["issues"] if issue["code"].startswith("VER")]


def restored(archive: NearArchive, folder: Path) -> dict[str, bytes]:
    assert archive.run("restore", "files/ledger", folder).returncode == 0
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def alter(archive: NearArchive, store: str) -> None:
    page = archive.store(store) / "files/ledger/v1/data/originals/page 1.txt"
    page.parent.chmod(0o750)
    page.chmod(0o640)
    page.write_bytes(PAGES["page 1.txt"].upper())


def test_a_description_that_comes_later_is_kept_with_the_pages_and_they_are_not_written_again(
    adding: NearArchive, tmp_path: Path
):
    listed = tmp_path / "orders.csv"
    listed.write_text("object,files\nledger,3\n")
    assert adding.run("order", "import", listed, "--collection", "files").returncode == 0
    table = {"metadata.csv": b"filename,dc.title\n.,A ledger\n"}
    drop = a_drop(tmp_path / "second", table)
    one = told(adding, drop)
    assert (one["verdict"], codes_of(one)) == ("stored", ["VER-008"])
    [remark] = [issue["message"] for issue in one["issues"] if issue["code"] == "VER-008"]
    assert "adds to files/ledger/v1: 3 files that it does not have" in remark
    assert "read from first" in remark
    assert [path.name for path in drop.iterdir()] == ["metadata.csv"]
    assert restored(adding, tmp_path / "out") == PAGES | table
    written = {path.name for path in (adding.store("first") / "files/ledger/v2/data/originals").rglob("*.*")}
    assert written == {"metadata.csv"}
    premis = adding.store("first") / "files/ledger/v2/metadata/premis.xml"
    assert (
        "what the drop does not have of the version before was brought from the stores" in premis.read_text()
    )
    assert (tmp_path / "out" / "metadata.csv").stat().st_mtime == LATER


def test_a_drop_that_has_every_path_of_the_version_is_completed_with_nothing(
    adding: NearArchive, tmp_path: Path
):
    anew = {name: content.upper() for name, content in PAGES.items()} | {"page 9.txt": b"Page 9\n"}
    one = told(adding, a_drop(tmp_path / "second", anew))
    assert (one["verdict"], one["object_version"], codes_of(one)) == ("stored", 2, [])
    assert restored(adding, tmp_path / "out") == anew


def test_a_file_of_the_drop_takes_the_place_of_the_one_that_is_kept(adding: NearArchive, tmp_path: Path):
    better = {"page 1.txt": b"page 1, scanned again\n"}
    one = told(adding, a_drop(tmp_path / "second", better))
    assert one["verdict"] == "stored"
    [remark] = [issue["message"] for issue in one["issues"] if issue["code"] == "VER-008"]
    assert "2 files that it does not have, of 14.0 kB in all" in remark
    assert "1 file of the drop took the place of what is there" in remark
    assert restored(adding, tmp_path / "out") == PAGES | better


def test_what_is_a_part_of_what_is_kept_is_kept_already(adding: NearArchive, tmp_path: Path):
    part = {"page 1.txt": PAGES["page 1.txt"]}
    assert told(adding, a_drop(tmp_path / "second", part))["verdict"] == "already-kept"


def test_a_damaged_replica_is_passed_over_with_an_alarm_and_without_a_sound_one_nothing_is_kept(
    adding: NearArchive, tmp_path: Path
):
    alter(adding, "first")
    note = {"note.txt": b"a note\n"}
    one = told(adding, a_drop(tmp_path / "second", note))
    assert one["verdict"] == "stored"
    [raised] = outbox_of(load_settings(adding.directory)).open_alarms()
    assert "page 1.txt" in raised.alarm.happened
    assert restored(adding, tmp_path / "out") == PAGES | note


def test_where_no_store_has_a_file_as_it_was_kept_the_drop_is_interrupted(
    adding: NearArchive, tmp_path: Path
):
    alter(adding, "first")
    alter(adding, "second")
    one = told(adding, a_drop(tmp_path / "second", {"note.txt": b"a note\n"}))
    assert one["verdict"] == "interrupted"
    assert "could be brought from no store as it was kept" in one["sentence"]
    assert not (adding.store("first") / "files/ledger/v2").exists()


def test_a_file_where_a_folder_is_kept_and_the_other_way_round_are_sent_back(
    adding: NearArchive, tmp_path: Path
):
    below = told(adding, a_drop(tmp_path / "second", {"page 1.txt/below.txt": b"in the way\n"}))
    assert (below["verdict"], codes_of(below)) == ("rejected", ["VER-009"])
    folder = a_drop(tmp_path / "empty", {"note.txt": b"a note\n"})
    (folder / "page 1.txt").mkdir()
    empty = told(adding, folder)
    assert (empty["verdict"], codes_of(empty)) == ("rejected", ["VER-009"])
    assert told(adding, a_drop(tmp_path / "third", {"parts/1.txt": b"a part\n"}))["verdict"] == "stored"
    above = told(adding, a_drop(tmp_path / "fourth", {"parts": b"in the way\n"}))
    assert (above["verdict"], codes_of(above)) == ("rejected", ["VER-009"])


def test_a_bag_and_a_drop_with_a_link_are_not_completed(adding: NearArchive, tmp_path: Path):
    bag = a_drop(tmp_path / "second", {"note.txt": b"a note\n", "page 1.txt": PAGES["page 1.txt"]})
    bagit.make_bag(str(bag))
    one = told(adding, bag)
    assert (one["verdict"], codes_of(one)) == ("waiting", ["VER-006"])
    linked = a_drop(tmp_path / "third", {"note.txt": b"a note\n"})
    (linked / "link").symlink_to("/etc/passwd")
    assert told(adding, linked)["verdict"] == "rejected"


def test_an_empty_folder_of_the_drop_is_still_told_of(adding: NearArchive, tmp_path: Path):
    drop = a_drop(tmp_path / "second", {"note.txt": b"a note\n"})
    (drop / "empty").mkdir()
    one = told(adding, drop)
    assert "SCR-005" in [issue["code"] for issue in one["issues"]]


def test_a_dry_run_says_the_same_and_keeps_nothing(adding: NearArchive, tmp_path: Path):
    drop = a_drop(tmp_path / "second", {"note.txt": b"a note\n"})
    [would] = adding.preserve(drop, collection="files", more=("--dry-run",))
    assert codes_of(would) == ["VER-008"]
    assert not (adding.store("first") / "files/ledger/v2").exists()
