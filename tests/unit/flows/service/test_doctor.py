"""What ``muniment doctor`` finds of the programs: each is tried for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.service.doctor import Checkup, State, examine_programs
from preservation.tools import worker_process


def cage(checkups: list[Checkup]) -> Checkup:
    return next(checkup for checkup in checkups if checkup.what.startswith("cage"))


def test_every_program_works_and_the_cage_decodes_an_image():
    checkups = list(examine_programs())
    assert {checkup.what: checkup.state for checkup in checkups if checkup.state is not State.OK} == {}
    assert cage(checkups).detail == "an image was decoded in it"


def test_a_cage_in_which_no_worker_starts_is_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "worker.py"
    program.write_text("raise SystemExit(3)\n")
    monkeypatch.setattr(worker_process, "_PROGRAM", (str(program),))
    found = cage(list(examine_programs()))
    assert found.state is State.FAILING
    assert "a caged worker could not start (ended with status 3)" in found.detail
