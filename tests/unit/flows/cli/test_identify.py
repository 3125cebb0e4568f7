from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from support.commands import Result, invoked
from support.identifications import noise
from support.surveys import drop

from preservation.errors import NotFoundError, UnacceptableContentError


def run(*arguments: str | Path) -> Result:
    return invoked("identify", *map(str, arguments))


def lines(result: Result) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in result.stdout_bytes.splitlines()]


def test_each_file_is_one_json_object_with_the_fields_that_are_promised(tmp_path: Path):
    drop(tmp_path, {"list.csv": b"a,b\n"})

    result = run("--json", tmp_path / "list.csv")

    assert result.exit_code == 0
    assert lines(result) == [
        {
            "version": 1,
            "path": str(tmp_path / "list.csv"),
            "size": 4,
            "puids": [
                {
                    "puid": "x-fmt/18",
                    "name": "Comma Separated Values",
                    "version": "",
                    "basis": "extension match csv",
                    "engine": "siegfried",
                }
            ],
            "mime": "text/csv",
            "warnings": ["match on extension only", "rests on the extension alone"],
            "digests": {"sha256": hashlib.sha256(b"a,b\n").hexdigest()},
        }
    ]


def test_folders_are_walked_and_paths_begin_as_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drop(tmp_path, {"drop/b.txt": b"b\n", "drop/a/c.txt": b"c\n", "one.txt": b"1\n"})
    monkeypatch.chdir(tmp_path)

    result = run("--json", "./drop", "one.txt", "drop/")

    assert result.exit_code == 0
    assert [line["path"] for line in lines(result)] == [
        "./drop/a/c.txt",
        "./drop/b.txt",
        "one.txt",
        "drop/a/c.txt",
        "drop/b.txt",
    ]


def test_the_algorithms_asked_for_are_computed_and_no_others(tmp_path: Path):
    drop(tmp_path, {"a.txt": b"a"})

    (line,) = lines(run("--json", "--algorithm", "md5", "--algorithm", "sha512", tmp_path))

    assert line["digests"] == {
        "md5": hashlib.md5(b"a", usedforsecurity=False).hexdigest(),
        "sha512": hashlib.sha512(b"a").hexdigest(),
    }


def test_an_unknown_format_has_no_puid(tmp_path: Path):
    drop(tmp_path, {"mystery": noise(4096)})

    (line,) = lines(run("--json", "--no-second-opinion", tmp_path / "mystery"))

    assert (line["puids"], line["warnings"]) == ([], ["no match"])


def test_a_person_reads_one_line_a_file_and_its_warnings_below(tmp_path: Path):
    drop(tmp_path, {"empty.tif": b"", "a.txt": b"words\n"})

    result = run(tmp_path)

    assert result.stdout.splitlines() == [
        f"{tmp_path}/a.txt  x-fmt/111  Plain Text File  text/plain",
        f"{tmp_path}/empty.tif  -  unknown format  inode/x-empty",
        "    empty file",
    ]


def test_what_is_no_readable_file_is_told_on_stderr_and_ends_with_3(tmp_path: Path):
    drop(tmp_path, {"a.txt": b"words\n"})
    (tmp_path / "link").symlink_to("a.txt")
    os.mkfifo(tmp_path / "pipe")

    result = run("--json", tmp_path)

    assert [line["path"] for line in lines(result)] == [str(tmp_path / "a.txt")]
    assert f"{tmp_path}/link: symbolic link" in result.stderr
    assert f"{tmp_path}/pipe: device, socket or pipe" in result.stderr
    assert isinstance(result.exception, UnacceptableContentError)
    assert result.exception.exit_code == 3
    assert "2 entries" in str(result.exception)


def test_an_empty_folder_is_told_and_nothing_to_complain_of(tmp_path: Path):
    (tmp_path / "empty").mkdir()

    result = run("--json", tmp_path)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "empty folder" in result.stderr


def test_a_pipe_that_is_named_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")

    result = run(tmp_path / "pipe")

    assert isinstance(result.exception, UnacceptableContentError)


def test_a_link_that_is_named_is_followed(tmp_path: Path):
    drop(tmp_path, {"a.txt": b"words\n"})
    (tmp_path / "link.txt").symlink_to("a.txt")

    (line,) = lines(run("--json", tmp_path / "link.txt"))

    assert (line["path"], line["size"]) == (str(tmp_path / "link.txt"), 6)


def test_a_file_whose_name_is_not_utf_8_is_identified_when_it_is_named(tmp_path: Path):
    (tmp_path / "scan\udcff.txt").write_bytes(b"words\n")

    (line,) = lines(run("--json", tmp_path / "scan\udcff.txt"))

    assert line["path"] == f"{tmp_path}/scan\\xff.txt"
    assert "not UTF-8" in line["warnings"][0]  # type: ignore[index]


def test_what_is_not_there_is_told_and_the_others_are_identified_all_the_same(tmp_path: Path):
    drop(tmp_path, {"a.txt": b"words\n"})

    result = run("--json", tmp_path / "nothing\nhere", tmp_path / "a.txt")

    assert isinstance(result.exception, NotFoundError)
    assert result.exception.exit_code == 6
    assert result.stderr == f"{tmp_path}/nothing\\nhere: there is nothing here; check the spelling\n"
    assert [line["path"] for line in lines(result)] == [str(tmp_path / "a.txt")]
