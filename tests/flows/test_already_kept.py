"""A drop that is kept already is answered by what the stores have, never by the catalogue's memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_runs import NearArchive
from support.flow_runs import preserved_together
from support.kept_object import Letters, keep_letters

from flows.submission.stages import already_kept
from preservation.model.verdicts import Verdict


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    """An archive with one version of an object."""
    return keep_letters(tmp_path_factory.mktemp("letters"))


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


DAMAGES: dict[str, Callable[[Path], object]] = {
    "shorten": shorten,
    "alter_a_byte": alter_a_byte,
    "lose_a_file": lose_a_file,
    "alter_a_tag_file": alter_a_tag_file,
    "alter_the_tag_manifest": alter_the_tag_manifest,
    "remove_it": shutil.rmtree,
    "put_in_a_stray": put_in_a_stray,
}


def test_what_was_looked_at_is_stated(letters: Letters, monkeypatch: pytest.MonkeyPatch):
    told = letters.preserve()
    assert (told["verdict"], told["object_version"]) == ("already-kept", 1)
    assert "in first and second: every byte read back, and it matched." in str(told["sentence"])
    monkeypatch.setattr(already_kept, "_READ_BACK_UP_TO", 10)
    of_a_large_one = str(letters.preserve()["sentence"])
    assert "in first and second: tag files read, sizes compared. Bytes last read back on" in of_a_large_one
    assert not version(letters, "first", 2).exists()


def test_the_content_of_a_replica_that_is_not_as_it_was_kept_is_kept_anew_from_the_drop(
    fresh: NearArchive, kept_once: Letters, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    # An object for each damage, all in one run.
    drops = {name: shutil.copytree(kept_once.drop, tmp_path / "each" / name) for name in DAMAGES}
    for told in preserved_together(fresh, *drops.values()):
        assert told.ending.verdict is Verdict.STORED, told
    for name, damage in DAMAGES.items():
        damage(fresh.store("second") / "files" / name / "v1")
    results = preserved_together(fresh, *drops.values())
    assert [told.object for told in results] == [f"files/{name}" for name in DAMAGES]
    alarms = [line for line in caplog.text.splitlines() if "ALARM: store second" in line]
    for name, told in zip(DAMAGES, results, strict=True):
        assert told.ending.verdict is Verdict.STORED, name
        assert str(told.ending.package) == f"files/{name}/v2"
        assert f"files/{name}/v1 has the same content, and was not found" in told.ending.sentence
        found = [issue for issue in told.issues if issue.code == "VER-002"]
        assert len(found) == 1, name
        assert "second" in found[0].message, name
        assert any(f"files/{name}/v1" in alarm for alarm in alarms), (name, alarms)
        for store in ("first", "second"):
            back = tmp_path / store / name
            assert fresh.run("restore", f"files/{name}", back, "--from", store).returncode == 0, name
            assert (back / "note.txt").read_bytes() == (drops[name] / "note.txt").read_bytes(), name
    for name, again in zip(DAMAGES, preserved_together(fresh, *drops.values()), strict=True):
        assert again.ending.verdict is Verdict.ALREADY_KEPT, name
        assert str(again.ending.package) == f"files/{name}/v2"


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
