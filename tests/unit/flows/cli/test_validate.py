from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.archives import MUNIMENT
from support.bags import bag_files, write, zipped
from support.commands import Result, invoked

from flows.cli.validating import needs_no_parser
from preservation.errors import NotFoundError

# The threads of a test run do nothing while the command's process, which has none, would fork.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def run(*arguments: str | Path) -> Result:
    return invoked("validate", *map(str, arguments))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good", bag_files())


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write(tmp_path / "bad", bag_files() | {"data/letter.txt": b"Dear Reader,\n"})


def test_a_valid_bag_is_told_in_one_line_and_exits_0(good: Path):
    result = run(good)
    assert result.exit_code == 0
    assert result.stdout == f"{good}: valid, BagIt 1.0, payload of 2 files with 25 bytes\n"


def test_an_invalid_bag_exits_3_with_the_verdict_first_then_the_file_then_the_next_step(bad: Path):
    result = run(bad)
    assert result.exit_code == 3
    headline, issue, step = result.stdout.splitlines()
    assert headline == f"{bad}: NOT VALID, though complete"
    assert "'data/letter.txt'" in issue
    assert "Send the bag again" in step


def test_one_json_object_a_bag_is_written(tmp_path: Path, good: Path, bad: Path):
    archive = zipped(tmp_path / "good.zip", bag_files())
    result = run("--json", good, bad, archive)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 3
    assert [(line["version"], line["bag"], line["valid"], line["complete"]) for line in lines] == [
        (1, str(good), True, True),
        (1, str(bad), False, True),
        (1, str(archive), True, True),
    ]
    (issue,) = lines[1]["issues"]
    assert set(issue) == {"code", "severity", "message", "path"}
    assert (issue["code"], issue["severity"], issue["path"]) == ("BAG-024", "error", "data/letter.txt")


def test_warnings_leave_the_exit_code_0(tmp_path: Path):
    bag = write(tmp_path / "bag", bag_files({"data/.DS_Store": b"x"}))
    result = run("--json", bag)
    assert (result.exit_code, [issue["severity"] for issue in json.loads(result.stdout)["issues"]]) == (
        0,
        ["warning"],
    )


def test_a_name_that_is_no_text_is_still_written_as_json(tmp_path: Path):
    bag = write(tmp_path / "bag", bag_files())
    Path(os.fsdecode(os.fsencode(bag) + b"/data/\xff")).write_bytes(b"x")
    paths = [issue["path"] for issue in json.loads(run("--json", bag).stdout)["issues"]]
    assert r"data/\xff" in paths


def test_a_bag_that_is_not_there_is_an_error_and_the_others_are_judged(tmp_path: Path, good: Path):
    result = run(tmp_path / "gone", good)
    assert isinstance(result.exception, NotFoundError)
    assert result.exception.exit_code == 6
    assert "gone" in str(result.exception)
    assert f"{good}: valid" in result.stdout


def test_a_folder_is_validated_without_what_is_slow_to_import(good: Path):
    slow = {"typer", "prefect", "pydantic", "sqlalchemy", "bagit", "zipfile", "tarfile", "concurrent.futures"}
    script = (
        "import sys, flows.cli.__main__\n"
        "sys.argv[1:1] = ['validate']\n"
        "try: flows.cli.__main__.main()\n"
        f"finally: print(sorted({slow} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(good)], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith(" 25 bytes\n[]\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_says_the_same_with_its_parser_and_without(good: Path, bad: Path, options: list[str]):
    words = [*options, str(good), str(bad)]
    assert needs_no_parser(words)
    plain = subprocess.run([MUNIMENT, "validate", *words], capture_output=True, text=True, check=False)
    parsed = run(*words)
    assert (plain.returncode, plain.stdout) == (parsed.exit_code, parsed.stdout)


@pytest.mark.parametrize("words", [[], ["--json"], ["--help"], ["-h"], ["bag", "--"], ["bag", "--jsn"]])
def test_whatever_is_more_than_paths_goes_through_the_parser(words: list[str]):
    assert not needs_no_parser(words)
