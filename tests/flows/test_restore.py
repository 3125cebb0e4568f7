"""Restoring by the command, from an archive that suffered real damage."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import run_command
from support.kept_object import Letters, keep_letters

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.installation.settings_file import load_settings


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    """An archive with two versions of an object: the second has one more letter than the first."""
    letters = keep_letters(tmp_path_factory.mktemp("letters"))
    (letters.drop / "1911" / "to my mother.txt").write_text("Dear mother\n")
    told = letters.preserve()
    assert (told["verdict"], told["object_version"]) == ("stored", 2), told
    return letters


@pytest.fixture
def letters(kept_once: Letters, tmp_path: Path) -> Letters:
    return kept_once.copied(tmp_path)


@pytest.fixture
def kept(letters: Letters) -> Archive:
    return letters.archive


@pytest.fixture
def drop(letters: Letters) -> Path:
    return letters.drop


def restored(archive: Archive, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    finished = archive.run("restore", "files/letters", *arguments, "--json")
    assert "Traceback" not in finished.stderr
    return finished.returncode, json.loads(finished.stdout) if finished.stdout else {}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def letter(archive: Archive, store: str) -> Path:
    path = archive.store(store) / "files/letters/v1/data/originals/1911/to my sister.txt"
    path.chmod(0o644)
    return path


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 0x20
    path.write_bytes(content)


def test_what_was_dropped_comes_back_and_the_journal_tells_it(kept: Archive, drop: Path, tmp_path: Path):
    target = tmp_path / "back"
    code, told = restored(Archive(kept.directory, kept.api_url), target)
    assert (code, told["complete"], told["files"], told["issues"]) == (0, True, 4, [])
    assert (told["object_version"], told["target"]) == (2, str(target))
    assert tree(target) == tree(drop)
    code, told = restored(kept, tmp_path / "first", "--version", "1")
    assert (code, told["object_version"], told["files"]) == (0, 1, 3)
    story = kept.run("journal", "show", "files/letters", "--json").stdout.splitlines()
    last = json.loads(story[-1])
    assert (last["event_type"], last["object"], last["outcome"]) == (
        "dissemination",
        "files/letters/v1",
        "success",
    )
    assert kept.run("journal", "verify").returncode == 0


def test_the_whole_bag_comes_back_complete_and_bagit_accepts_it(kept: Archive, tmp_path: Path):
    target = tmp_path / "bag"
    assert restored(kept, target, "--whole", "--from", "second")[0] == 0
    subprocess.run([sys.executable, "-m", "bagit", "--validate", target], check=True, capture_output=True)


def test_one_file_comes_back_alone(kept: Archive, drop: Path, tmp_path: Path):
    name = "1911/to my mother.txt"
    code, told = restored(kept, tmp_path / "back", "--file", name)
    assert (code, told["files"]) == (0, 1)
    assert tree(tmp_path / "back") == {name: (drop / name).read_bytes()}


@pytest.mark.parametrize("damage", [flip, Path.unlink], ids=["flipped", "deleted"])
def test_what_one_replica_lost_comes_from_the_other_with_a_warning(
    kept: Archive, drop: Path, tmp_path: Path, damage: Callable[[Path], None]
):
    mail = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'
    with (kept.directory / "muniment.toml").open("a") as settings:
        settings.write(f"\n{mail}")
    damage(letter(kept, "first"))
    code, told = restored(kept, tmp_path / "dry", "--dry-run")
    assert (code, told["dry_run"], told["complete"]) == (0, True, True)
    assert not outbox_of(load_settings(kept.directory)).waiting()
    code, told = restored(kept, tmp_path / "back")
    assert (code, told["complete"], told["sources"]) == (0, True, {"first": 3, "second": 1})
    [issue] = told["issues"]
    assert issue["severity"] == "warning"
    assert issue["path"] == "data/originals/1911/to my sister.txt"
    assert tree(tmp_path / "back") == tree(drop)
    [waiting] = outbox_of(load_settings(kept.directory)).waiting()
    assert waiting.alarm.kind is AlarmKind.INTEGRITY
    assert "tore first" in waiting.alarm.happened


def test_of_two_damaged_replicas_each_gives_what_the_other_lost(kept: Archive, drop: Path, tmp_path: Path):
    flip(letter(kept, "first"))
    other = kept.store("second") / "files/letters/v1/data/originals/1911/to my brother.txt"
    other.chmod(0o644)
    flip(other)
    for preferred, spare in (("first", "second"), ("second", "first")):
        target = tmp_path / preferred
        code, told = restored(kept, target, "--from", preferred)
        assert (code, told["complete"], told["sources"]) == (0, True, {preferred: 3, spare: 1}), told
        assert len(told["issues"]) == 1
        assert tree(target) == tree(drop)


def forge_premis(package: Path) -> None:
    """Alter a tag file, and the tag manifest so that it fits."""
    premis, tags = package / "metadata/premis.xml", package / "tagmanifest-sha256.txt"
    before = hashlib.sha256(premis.read_bytes()).hexdigest()
    for path, content in (
        (premis, "<premis/>"),
        (tags, tags.read_text().replace(before, hashlib.sha256(b"<premis/>").hexdigest())),
    ):
        path.chmod(0o644)
        path.write_text(content)


@pytest.mark.parametrize("row", ["there", "gone", "altered"])
def test_a_forged_replica_is_not_handed_out_and_two_are_an_integrity_failure(
    kept: Archive, tmp_path: Path, row: str
):
    genuine = (kept.store("second") / "files/letters/v2/metadata/premis.xml").read_bytes()
    forge_premis(kept.store("first") / "files/letters/v2")
    if row != "there":
        change = {
            "gone": "DELETE FROM tag_digests",
            "altered": "UPDATE tag_digests SET digest = '0' || digest",
        }
        with closing(sqlite3.connect(kept.directory / "state/muniment.db")) as database, database:
            database.execute(change[row])
    code, told = restored(kept, tmp_path / "back", "--whole")
    assert (code, told["complete"]) == (0, True)
    assert (tmp_path / "back/metadata/premis.xml").read_bytes() == genuine
    codes = {issue["code"] for issue in told["issues"]}
    assert codes == {"RST-002", "RST-005"} | (set() if row == "there" else {"RST-008"})
    if row == "gone":
        lines = [json.loads(line) for line in kept.run("upgrade", "--json").stdout.splitlines()]
        assert [(line["package"][-2:], line["recorded"]) for line in lines] == [("v1", True), ("v2", False)]
    forge_premis(kept.store("second") / "files/letters/v2")
    finished = kept.run("restore", "files/letters", tmp_path / "more", "--whole")
    assert finished.returncode == 4
    assert "no replica's own lists can be relied on" in finished.stderr
    assert not (tmp_path / "more").exists()


def test_a_bag_is_compared_with_what_the_installation_recorded_of_it(kept: Archive, tmp_path: Path):
    def validated(bag: Path) -> tuple[int, set[str]]:
        finished = run_command("validate", bag, "--against", kept.directory, "--json")
        return finished.returncode, {issue["code"] for issue in json.loads(finished.stdout)["issues"]}

    package = kept.store("first") / "files/letters/v1"
    assert validated(package) == (0, set())
    more = package / "metadata/more.xml"
    more.write_text("<more/>")
    assert validated(package) == (0, {"BAG-023"})
    more.unlink()
    (package / "tagmanifest-md5.txt").write_text("")
    assert "VER-004" in validated(package)[1]
    (package / "tagmanifest-md5.txt").unlink()
    forge_premis(package)
    assert run_command("validate", package).returncode == 0
    assert validated(package) == (3, {"VER-004"})
    assert restored(kept, tmp_path / "bag", "--whole", "--version", "1")[0] == 0
    assert validated(tmp_path / "bag") == (0, set())


def test_what_no_replica_has_ends_with_4_and_the_target_is_not_made(
    kept: Archive, drop: Path, tmp_path: Path
):
    flip(letter(kept, "first"))
    letter(kept, "second").unlink()
    code, told = restored(kept, tmp_path / "back")
    assert (code, told["complete"]) == (4, False)
    assert told["lost"] == ["data/originals/1911/to my sister.txt"]
    assert not (tmp_path / "back").exists()
    others = {path: content for path, content in tree(drop).items() if "sister" not in path}
    assert tree(tmp_path / "back.incomplete") == others
    last = json.loads(kept.run("journal", "show", "files/letters", "--json").stdout.splitlines()[-1])
    assert last["outcome"] == "fail"


def test_nothing_is_overwritten(kept: Archive, drop: Path, tmp_path: Path):
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "note.txt").write_text("mine")
    finished = kept.run("restore", "files/letters", tmp_path / "back")
    assert finished.returncode == 6
    assert "note.txt" in finished.stderr
    assert tree(tmp_path / "back") == {"note.txt": b"mine"}
    # The drop itself is as good a target as any: everything is there already.
    before = states(drop)
    code, told = restored(kept, drop)
    assert (code, told["files"], told["there"], told["sources"]) == (0, 4, 4, {})
    assert states(drop) == before


def states(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.parametrize("state", ["gone", "damaged"])
def test_it_works_from_one_store_alone_with_the_database_gone_or_damaged(
    kept: Archive, drop: Path, tmp_path: Path, state: str
):
    database = kept.directory / "state" / "muniment.db"
    for part in database.parent.glob("muniment.db*"):
        part.unlink()
    if state == "damaged":
        database.write_bytes(b"this is no database at all" * 400)
    shutil.rmtree(kept.store("first"))
    code, told = restored(kept, tmp_path / "back", "--from", "second")
    assert (code, told["object_version"], told["files"]) == (0, 2, 4)
    assert tree(tmp_path / "back") == tree(drop)
    assert "RST-006" in {issue["code"] for issue in told["issues"]}


def test_a_dry_run_says_what_would_come_and_writes_nothing(kept: Archive, tmp_path: Path):
    before = kept.run("journal", "show").stdout
    code, told = restored(kept, tmp_path / "back", "--dry-run")
    assert (code, told["dry_run"], told["files"]) == (0, True, 4)
    assert not (tmp_path / "back").exists()
    assert kept.run("journal", "show").stdout == before


def test_what_is_not_kept_is_named(kept: Archive, tmp_path: Path):
    for arguments in (
        ("files/nothing", str(tmp_path / "back")),
        ("files/letters", str(tmp_path / "back"), "--version", "7"),
        ("files/letters", str(tmp_path / "back"), "--file", "../../etc/passwd"),
    ):
        finished = kept.run("restore", *arguments)
        assert finished.returncode == 6, finished
        assert "muniment: files/" in finished.stderr
    assert kept.run("restore", "files/letters", tmp_path / "back", "--from", "third").returncode == 2
    assert list(tmp_path.glob("*back*")) == []
