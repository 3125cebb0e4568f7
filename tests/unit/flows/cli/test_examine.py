"""``muniment examine``: what `preserve` would find, without an installation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from PIL import Image
from support.commands import Result, invoked
from support.pdfs import document, images_for_pdfs, scanned_page
from support.surveys import drop

from preservation.errors import ConfigurationError

PROJECT = Path(__file__).parents[4]


def run(*arguments: str | Path) -> Result:
    return invoked("examine", *map(str, arguments))


def lines(result: Result) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in result.stdout_bytes.splitlines()]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    Image.new("L", (40, 30), 120).save(tmp_path / "sound.png")
    return tmp_path / "sound.png"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    image, entries = images_for_pdfs()["DCT"]
    (tmp_path / "damaged.pdf").write_bytes(scanned_page(image[: len(image) // 2], entries))
    return tmp_path / "damaged.pdf"


def test_a_sound_file_is_fit_and_its_format_and_facts_are_shown(sound: Path):
    result = run(sound)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        f"FIT TO BE KEPT  {sound}\n  sound.png  fmt/11, Portable Network Graphics"
    )
    assert "40 \u00d7 30 pixels" in result.stdout


def test_a_damaged_file_is_not_fit_and_the_issue_has_its_code_and_the_next_step(damaged: Path):
    result = run(damaged)
    assert result.exit_code == 3
    assert result.stdout.startswith(f"NOT FIT  {damaged}")
    assert "SCR-030" in result.stdout
    assert "an image of page 3" in result.stdout
    assert "→ Rescan or export it again" in result.stdout


def test_json_has_a_line_for_each_file_and_one_for_each_path(sound: Path, damaged: Path):
    result = run("--json", sound, damaged)
    assert result.exit_code == 3
    told = lines(result)
    assert [(line["line"], line["drop"]) for line in told] == [
        ("file", str(sound)),
        ("drop", str(sound)),
        ("file", str(damaged)),
        ("drop", str(damaged)),
    ]
    file, whole = told[0], told[3]
    assert (file["path"], file["puid"], file["issues"]) == ("sound.png", "fmt/11", [])
    assert (whole["verdict"], [issue["code"] for issue in whole["issues"]]) == ("rejected", ["SCR-030"])


def test_a_folder_is_one_drop_and_what_nothing_looks_into_is_said(tmp_path: Path, sound: Path):
    root = drop(tmp_path / "drop", {"a/notes.txt": b"words\n", "b.png": sound.read_bytes()})
    told = lines(run("--json", root))
    assert [line.get("path") for line in told] == ["a/notes.txt", "b.png", None]
    assert told[0]["unexamined"] == "no examiner for Plain Text File"
    assert told[2]["files"] == 2


def test_a_policy_decides_what_a_finding_means(tmp_path: Path, damaged: Path):
    source = (PROJECT / "policies" / "whole-files.toml").read_text()
    policy = tmp_path / "ask.toml"
    policy.write_text(source.replace('outcome   = "reject"', 'outcome   = "ask"'))
    result = run(damaged, "--policy", policy)
    assert result.exit_code == 7
    assert result.stdout.startswith("A PERSON IS ASKED")


def test_what_is_not_there_is_told_and_the_others_are_examined_all_the_same(tmp_path: Path, sound: Path):
    result = run(tmp_path / "missing", sound)
    assert result.exit_code == 6
    assert "there is nothing here" in result.stderr
    assert "FIT TO BE KEPT" in result.stdout


def test_a_policy_that_is_not_sound_examines_nothing(tmp_path: Path, sound: Path):
    (tmp_path / "bad.toml").write_text("policy = 7")
    result = run(sound, "--policy", tmp_path / "bad.toml")
    assert isinstance(result.exception, ConfigurationError)
    assert result.stdout == ""


def test_nothing_is_left_behind_and_the_files_are_untouched(
    tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = sound.stat()
    (tmp_path / "text.pdf").write_bytes(document())
    assert run(sound, tmp_path / "text.pdf").exit_code == 0
    assert list(temporary.iterdir()) == []
    assert sound.stat().st_mtime_ns == before.st_mtime_ns
