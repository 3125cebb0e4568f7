"""An object that comes again: versions that build on each other, and never clash."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import run_command
from support.kept_object import Letters, keep_letters


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    """An archive with one version of an object."""
    return keep_letters(tmp_path_factory.mktemp("letters"))


@pytest.fixture
def kept(kept_once: Letters, tmp_path: Path) -> Letters:
    return kept_once.copied(tmp_path)


@pytest.fixture
def archive(kept: Letters) -> Archive:
    return kept.archive


@pytest.fixture
def letters(kept: Letters) -> Path:
    return kept.drop


def preserved(archive: Archive, drop: Path, *more: str) -> dict[str, Any]:
    [told] = archive.preserve(drop, collection="files", more=more)
    return told


def bag(archive: Archive, number: int, store: str = "first") -> Path:
    return archive.store(store) / "files" / "letters" / f"v{number}"


def payload_of(archive: Archive, number: int) -> set[str]:
    root = bag(archive, number) / "data"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def validated(folder: Path) -> dict[str, Any]:
    """Validate a bag, for which the command needs no installation."""
    told: dict[str, Any] = json.loads(run_command("validate", folder, "--json").stdout)
    return told


def test_a_changed_drop_becomes_a_version_that_holds_what_is_new(archive: Archive, letters: Path):
    before = archive.kept()
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    (letters / "1911" / "to my sister.txt").rename(letters / "to Anna.txt")
    told = preserved(archive, letters)
    assert (told["verdict"], told["object_version"], told["files"]) == ("stored", 2, 4)
    assert payload_of(archive, 2) == {"originals/1911/to my mother.txt"}
    assert before.items() <= archive.kept().items()
    assert archive.kept("first") == archive.kept("second")
    for store in ("first", "second"):
        verdict = validated(bag(archive, 2, store))
        assert (verdict["valid"], verdict["complete"]) == (True, True)
        assert [issue["code"] for issue in verdict["issues"]] == ["BAG-042"]


def test_a_stranger_completes_it_by_what_its_readme_says(archive: Archive, letters: Path, tmp_path: Path):
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    preserved(archive, letters)
    copied = shutil.copytree(bag(archive, 2).parent, tmp_path / "copied")
    readme = (copied / "v2" / "README.txt").read_text()
    [script] = re.findall(r"^-{60,}\n(.*?)^-{60,}\n", readme, re.DOTALL | re.MULTILINE)
    subprocess.run([sys.executable, "-c", script], cwd=copied / "v2", check=True)
    subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", copied / "v2"], check=True, capture_output=True
    )
    alone = shutil.copytree(bag(archive, 2), tmp_path / "alone")
    told = validated(alone)
    assert (told["valid"], told["complete"]) == (False, False)
    assert any(
        issue["code"] == "BAG-019" and "files/letters/v1" in issue["message"] for issue in told["issues"]
    )


def test_a_third_version_builds_on_the_first_and_the_second(archive: Archive, letters: Path, tmp_path: Path):
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    preserved(archive, letters)
    (letters / "note.txt").unlink()
    (letters / "1911" / "to my father.txt").write_text("Dear father\n")
    assert preserved(archive, letters)["object_version"] == 3
    assert payload_of(archive, 3) == {"originals/1911/to my father.txt"}
    fetched = [line.split() for line in (bag(archive, 3) / "fetch.txt").read_text().splitlines()]
    assert {re.search(r"v[12](?=/)", url)[0] for url, *_ in fetched if "originals" in url} == {"v1", "v2"}  # type: ignore[index]
    assert validated(bag(archive, 3))["valid"]
    target = tmp_path / "back"
    assert archive.run("restore", "files/letters", target, "--whole").returncode == 0
    subprocess.run([sys.executable, "-m", "bagit", "--validate", target], check=True, capture_output=True)
    there = {
        str(path.relative_to(letters)): path.read_bytes() for path in letters.rglob("*") if path.is_file()
    }
    back = target / "data" / "originals"
    assert {
        str(path.relative_to(back)): path.read_bytes() for path in back.rglob("*") if path.is_file()
    } == there


def test_bytes_that_a_store_has_damaged_are_written_again_and_the_receipt_says_so(
    archive: Archive, letters: Path
):
    damaged = bag(archive, 1, "second") / "data/originals/1911/to my sister.txt"
    content = bytearray(damaged.read_bytes())
    content[7] ^= 1
    damaged.chmod(0o644)
    damaged.write_bytes(content)
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    told = preserved(archive, letters)
    assert told["verdict"] == "stored"
    assert payload_of(archive, 2) == {"originals/1911/to my mother.txt", "originals/1911/to my sister.txt"}
    [issue] = [issue for issue in told["issues"] if issue["code"] == "VER-001"]
    assert "second" in issue["message"]
    assert "to my sister.txt" in Path(told["receipt"]).read_text()
    story = [json.loads(line) for line in archive.run("journal", "show", "--json").stdout.splitlines()]
    [check] = [
        entry for entry in story if entry["event_type"] == "fixity check" and entry["outcome"] == "warning"
    ]
    assert "1 did not" in check["note"]
    assert validated(bag(archive, 2, "second"))["valid"]


def test_a_change_back_becomes_a_new_version_that_refers_to_the_first_and_is_the_latest(
    archive: Archive, letters: Path, tmp_path: Path
):
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    preserved(archive, letters)
    (letters / "1911" / "to my mother.txt").unlink()
    told = preserved(archive, letters)
    assert (told["verdict"], told["object_version"]) == ("stored", 3)
    # A bag has a payload, so its smallest file is written again.
    assert payload_of(archive, 3) == {"originals/note.txt"}
    assert archive.run("restore", "files/letters", tmp_path / "back").returncode == 0
    assert not (tmp_path / "back" / "1911" / "to my mother.txt").exists()
    again = preserved(archive, letters)
    assert (again["verdict"], again["object_version"]) == ("already-kept", 3)


def test_the_status_of_an_object_tells_what_was_new_in_each_version(archive: Archive, letters: Path):
    (letters / "1911" / "to my brother.txt").rename(letters / "1911" / "to Karl.txt")
    (letters / "1911" / "to my sister.txt").write_text("Dear sister, once more\n")
    (letters / "note.txt").unlink()
    (letters / "1911" / "to my mother.txt").write_text("Dear mother\n")
    preserved(archive, letters)
    told = json.loads(archive.run("status", "files/letters", "--json").stdout)
    first, second = told["versions"]
    assert (first["new_files"], first["kept_files"]) == (3, 0)
    assert (second["new_files"], second["kept_files"]) == (2, 1)
    assert second["added"] == ["1911/to my mother.txt"]
    assert second["changed"] == ["1911/to my sister.txt"]
    assert second["removed"] == ["note.txt"]
    assert second["renamed"] == [["1911/to my brother.txt", "1911/to Karl.txt"]]
    assert [one["verdict"] for one in told["tries"]] == ["stored", "stored"]
    assert all(Path(one["receipt"]).is_file() for one in told["tries"])
    words = " ".join(archive.run("status", "files/letters").stdout.split())
    assert "renamed: 1911/to my brother.txt → 1911/to Karl.txt" in words
    assert "accession: files/letters/v2 entered in the catalogue; kept" in words
    for store in ("first", "second"):
        assert f"replication: files/letters/v2 written to store {store} and read back" in words


def test_the_status_of_the_archive_counts_and_tells_what_needs_somebody(archive: Archive, letters: Path):
    before = json.loads(archive.run("status", "--json").stdout)
    assert (before["objects"], before["processing"], len(before["latest"])) == (1, [], 1)
    unknown = letters.parent / "capture"
    unknown.mkdir()
    (unknown / "capture.raw8").write_bytes(bytes((place * 97 + 31) % 251 for place in range(9000)))
    assert archive.preserve(unknown)[0]["verdict"] == "waiting"
    told = json.loads(archive.run("status", "--json").stdout)
    assert (told["objects"], told["versions"], told["files"]) == (1, 1, 3)
    assert told["conclusions"] == {"stored": 1, "waiting": 1}
    [left] = told["processing"]
    assert (left["object"], left["stage"], left["in_hand"]) == ("images/capture", "plan", False)
    assert [one["verdict"] for one in told["latest"]] == ["waiting", "stored"]
    assert "images/capture" in archive.run("status").stdout
    assert (
        archive.preserve(unknown, more=("--approve", "raw capture", "--by", "Ada"))[0]["verdict"] == "stored"
    )
    told = json.loads(archive.run("status", "--json").stdout)
    assert [one["verdict"] for one in told["latest"]] == ["stored", "stored"], (
        "nobody has to see to it any more"
    )


def test_the_status_of_what_is_not_known_names_it(archive: Archive):
    finished = archive.run("status", "files/nothing")
    assert finished.returncode == 6
    assert "files/nothing" in finished.stderr
    collection = archive.run("status", "nothing")
    assert (collection.returncode, "there is no such collection" in collection.stderr) == (6, True)
    assert archive.run("status", "No Collection").returncode == 2
