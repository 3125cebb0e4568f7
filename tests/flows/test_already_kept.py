"""A drop that is kept already is answered by what the stores have, never by the catalogue's memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kept_object import Letters, keep_letters

from flows.submission.stages import already_kept


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Letters:
    """An archive with one version of an object."""
    return keep_letters(tmp_path_factory.mktemp("letters"), prefect_url)


@pytest.fixture
def letters(kept_once: Letters, tmp_path: Path) -> Letters:
    return kept_once.copied(tmp_path)


def version(letters: Letters, store: str, number: int = 1) -> Path:
    return letters.archive.store(store) / "files" / "letters" / f"v{number}"


def overwrite(path: Path, content: str) -> None:
    path.chmod(0o644)
    path.write_text(content)


def shorten(package: Path) -> None:
    overwrite(package / "data/originals/note.txt", "All")


def alter_a_byte(package: Path) -> None:
    path = package / "data/originals/note.txt"
    overwrite(path, path.read_text().swapcase())


def lose_a_file(package: Path) -> None:
    (package / "data/originals/1911/to my sister.txt").unlink()


def alter_a_tag_file(package: Path) -> None:
    overwrite(package / "metadata/premis.xml", "<premis/>")


def alter_the_tag_manifest(package: Path) -> None:
    path = package / "tagmanifest-sha256.txt"
    overwrite(path, path.read_text() + f"{'0' * 64}  metadata/more.xml\n")


def put_in_a_stray(package: Path) -> None:
    (package / "metadata" / "more.xml").write_text("<more/>")


DAMAGES = (
    shorten,
    alter_a_byte,
    lose_a_file,
    alter_a_tag_file,
    alter_the_tag_manifest,
    shutil.rmtree,
    put_in_a_stray,
)


def test_what_was_looked_at_is_stated(letters: Letters, monkeypatch: pytest.MonkeyPatch):
    told = letters.preserve()
    assert (told["verdict"], told["object_version"]) == ("already-kept", 1)
    assert "in first and second: every byte read back, and it matched." in str(told["sentence"])
    monkeypatch.setattr(already_kept, "_READ_BACK_UP_TO", 10)
    of_a_large_one = str(letters.preserve()["sentence"])
    assert "in first and second: tag files read, sizes compared. Bytes last read back on" in of_a_large_one
    assert not version(letters, "first", 2).exists()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_content_of_a_replica_that_is_not_as_it_was_kept_is_kept_anew_from_the_drop(
    letters: Letters, damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    damage(version(letters, "second"))
    told = letters.preserve()
    assert (told["verdict"], told["object_version"]) == ("stored", 2)
    assert "files/letters/v1 has the same content, and was not found" in str(told["sentence"])
    found = [issue for issue in told["issues"] if issue["code"] == "VER-002"]  # type: ignore[attr-defined]
    assert len(found) == 1
    assert "second" in found[0]["message"]
    assert "ALARM: store second" in caplog.text
    for store in ("first", "second"):
        code = letters.archive.run("restore", "files/letters", tmp_path / store, "--from", store).returncode
        assert code == 0
        assert (tmp_path / store / "note.txt").read_bytes() == (letters.drop / "note.txt").read_bytes()
    again = letters.preserve()
    assert (again["verdict"], again["object_version"]) == ("already-kept", 2)


def test_where_both_replicas_are_gone_the_drop_is_all_there_is_and_is_kept_whole(
    letters: Letters, tmp_path: Path
):
    for store in ("first", "second"):
        shutil.rmtree(version(letters, store))
    told = letters.preserve()
    assert (told["verdict"], told["object_version"]) == ("stored", 2)
    assert not (version(letters, "first", 2) / "fetch.txt").exists()
    assert letters.archive.run("restore", "files/letters", tmp_path / "back").returncode == 0


def test_where_a_store_is_away_the_answer_is_interrupted(letters: Letters):
    shutil.move(letters.archive.store("second"), letters.archive.directory / "away")
    told = letters.preserve()
    assert told["verdict"] == "interrupted"
    assert "second" in str(told["sentence"])
    shutil.move(letters.archive.directory / "away", letters.archive.store("second"))
    assert letters.preserve()["verdict"] == "already-kept"
