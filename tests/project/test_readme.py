"""Walks the commands of the README as a newcomer would, word for word but for the paths."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ordeals.crash_trees import warm_start
from support.archives import MUNIMENT
from support.waiting import until

from demonstration.drawing import photograph, save_scan

COMMAND = ".venv/bin/muniment"


def commands(project: Path) -> list[list[str]]:
    """Every command of the README that calls muniment, in order, its comment left out."""
    blocks = re.findall(r"```sh\n(.*?)```", (project / "README.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(COMMAND)]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture
def newcomer(tmp_path: Path) -> Path:
    """A folder with what the README's paths stand for."""
    scans = tmp_path / "path" / "to" / "scans"
    scans.mkdir(parents=True)
    save_scan(photograph((400, 300), 0.5), scans / "page_001.tif", 300)
    (tmp_path / "path" / "to" / "files").symlink_to(scans)
    shutil.copytree(scans, tmp_path / "path" / "to" / "old" / "sheet-011")
    (tmp_path / "path" / "to" / "list.csv").write_text("object,pages\nscans,1\n")
    bag = tmp_path / "path" / "to" / "bag"
    bag.mkdir()
    (bag / "letter.txt").write_text("Dear brother\n")
    subprocess.run([sys.executable, "-m", "bagit", bag], check=True, capture_output=True)
    return tmp_path


def test_the_commands_of_the_readme_work_in_their_order(project: Path, newcomer: Path, prefect_url: str):
    walked = [command for command in commands(project) if command[1] != "up"]
    assert len(walked) >= 8
    environment = {**os.environ, "MUNIMENT_PREFECT__API_URL": prefect_url}
    said = newcomer / "said"
    said.mkdir()
    # Each a process of its own, but for the imports; the start of the installed command is what help shows.
    with warm_start(newcomer) as start:
        for command in walked:
            run = start(command[1:], environment, said)
            until(run.ended, shlex.join(command))
            told = (said / "stdout").read_text()
            assert run.code() == 0, f"{shlex.join(command)}\n{told}\n{run.lines()}"
            assert told, shlex.join(command)
            (said / "code").unlink()


def test_every_verb_of_the_readme_has_help_with_an_example(project: Path):
    for verb in sorted({command[1] for command in commands(project)}):
        told = subprocess.run([MUNIMENT, verb, "--help"], capture_output=True, text=True, check=True).stdout
        assert "Example: muniment" in told or "Commands" in told, verb


def test_every_page_that_the_readme_names_is_there(project: Path):
    named = re.findall(r"\]\(([^)#]+)\)", (project / "README.md").read_text())
    assert named
    assert [name for name in named if not (project / name).exists()] == []
