"""Folders deeper than Python recurses are kept, restored and validated; deeper than any path, sent back."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import near, run_command
from support.hostile_trees import Deep

DEPTH = 1_100
TOO_DEEP = 2_200
"""Its path has more bytes than Linux opens in one call."""


def deep_bag(path: Path, depth: int) -> Path:
    """A zipped bag that is valid but for its depth."""
    data = {"data/top.txt": b"top", f"data/{'d/' * depth}deep.txt": b"deep"}
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in data.items())
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("bag/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        packed.writestr("bag/manifest-sha256.txt", "".join(lines))
        for name, content in data.items():
            packed.writestr(f"bag/{name}", content)
    return path


def preserved(archive: Archive, *drops: Path) -> list[dict[str, Any]]:
    finished = near(archive).run("preserve", *drops, "--collection", "files", "--json")
    assert finished.stdout, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def listing(folder: Path) -> bytes:
    """Every entry of a tree, told by a program that recurses to no depth."""
    return subprocess.check_output(["find", ".", "-printf", r"%d %f %y %b\n"], cwd=folder)


def test_a_deep_folder_and_a_deep_bag_come_back_whole_and_valid(
    installation: Archive, tmp_path: Path, deep: Deep
):
    deep(tmp_path / "folder", DEPTH)
    bag = deep_bag(tmp_path / "bag.zip", DEPTH)
    (tmp_path / "innocent.txt").write_text("innocent")

    told = preserved(installation, tmp_path / "folder", bag, tmp_path / "innocent.txt")

    assert [one["verdict"] for one in told] == ["stored"] * 3, told
    assert list((installation.directory / "processing/files").iterdir()) == []
    for name in ("folder", "bag"):
        finished = near(installation).run("restore", f"files/{name}", tmp_path / f"{name}-back")
        assert finished.returncode == 0, finished.stderr
    assert listing(tmp_path / "folder-back") == listing(tmp_path / "folder")
    kept = installation.store("first") / "files/folder/v1"
    assert run_command("validate", kept).returncode == 0
    check = ["sha256sum", "--check", "--quiet", "manifest-sha256.txt"]
    assert subprocess.run(check, cwd=kept, check=False).returncode == 0


def test_what_is_too_deep_to_be_restored_is_sent_back_with_the_reason(
    installation: Archive, tmp_path: Path, deep: Deep
):
    deep(tmp_path / "folder", TOO_DEEP)
    bag = deep_bag(tmp_path / "bag.zip", 1_930)
    (tmp_path / "innocent.txt").write_text("innocent")

    told = preserved(installation, tmp_path / "folder", bag, tmp_path / "innocent.txt")

    assert [one["verdict"] for one in told] == ["rejected", "rejected", "stored"], told
    for one in told[:2]:
        assert {issue["code"] for issue in one["issues"]} >= {"SCR-006"}, one
        assert "3,841 bytes, and at most 3,840" in one["sentence"]
    assert list((installation.directory / "processing/files").iterdir()) == []


@pytest.mark.parametrize("depth", [DEPTH, TOO_DEEP])
def test_what_an_earlier_release_could_not_discard_is_discarded(
    installation: Archive, tmp_path: Path, deep: Deep, depth: int
):
    left = installation.directory / "processing/files"
    left.mkdir(parents=True)
    deep(left / ".discarded-0123456789abcdef", depth)
    (tmp_path / "innocent.txt").write_text("innocent")
    (told,) = preserved(installation, tmp_path / "innocent.txt")
    assert told["verdict"] == "stored"
    assert list(left.iterdir()) == []
