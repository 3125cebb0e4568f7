"""``muniment metadata``: what a table would say, before anything is dropped."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from support.command_runs import run_command
from support.surveys import drop

PLATES = {"objects/plate-1.tif": b"one", "objects/plate-2.tif": b"two"}


def test_the_template_is_a_table_that_the_check_accepts(tmp_path: Path):
    template = run_command("metadata", "template")
    table = drop(tmp_path / "made", {"metadata.csv": template.stdout.encode()}) / "metadata.csv"
    folder = drop(tmp_path / "mill", PLATES)

    checked = run_command("metadata", "check", table, folder)

    assert (template.returncode, checked.returncode) == (0, 3)
    assert len(list(csv.reader(io.StringIO(template.stdout)))) == 4
    assert "the object: title: Views of the old mill" in checked.stdout
    drop(folder, {"plate-1.tif": b"", "plate-2.tif": b""})
    assert run_command("metadata", "check", table, folder).returncode == 0


def test_a_table_is_checked_against_the_drop_that_it_is_about(tmp_path: Path):
    text = "filename;dc.title;shelfmark\r\nmill;Mühle;X\r\nobjects/plate-1.tif;Rad;\r\n".encode("cp1252")
    folder = drop(tmp_path / "mill", {**PLATES, "metadata/metadata.csv": text})

    checked = run_command("metadata", "check", folder / "metadata" / "metadata.csv", "--json")

    told = json.loads(checked.stdout)
    assert checked.returncode == 0
    assert (told["encoding"], told["separator"], told["rows"]) == ("Windows-1252", "semicolons", 2)
    assert [column["is"] for column in told["columns"]] == ["file", "title", None]
    assert (told["object"], told["files"]) == (
        {"title": ["Mühle"]},
        [{"path": "objects/plate-1.tif", "description": {"title": ["Rad"]}}],
    )
    assert [issue["code"] for issue in told["issues"]] == ["DSC-003", "DSC-006"]
    assert "'objects/plate-2.tif'" in told["issues"][1]["message"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (b"\x00\xff\x00", 3, "cannot be read"),
        (b"filename,shelfmark\nmill,X\n", 3, "DSC-004"),
        (b"filename,dc.title\nmill,Mill\nplate-9.tif,Gone\n", 3, "DSC-005"),
    ],
)
def test_a_table_that_would_not_do_ends_with_3(tmp_path: Path, text: bytes, code: int, words: str):
    folder = drop(tmp_path / "mill", {**PLATES, "metadata.csv": text})

    checked = run_command("metadata", "check", folder / "metadata.csv", folder)

    assert checked.returncode == code
    assert words in checked.stdout


def test_what_is_not_there_ends_with_6(tmp_path: Path):
    folder = drop(tmp_path / "mill", {"metadata.csv": b"title\nMill\n"})

    assert run_command("metadata", "check", tmp_path / "none.csv").returncode == 6
    assert run_command("metadata", "check", folder / "metadata.csv", tmp_path / "none").returncode == 6
