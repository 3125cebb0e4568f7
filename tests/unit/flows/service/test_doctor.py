"""What ``muniment doctor`` finds of the programs: each is tried for real."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from services.small_disks import small_disk

from flows.installation.job_records import scheduled_since, schedules_of
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.service.doctor import Checkup, State, examine_installation, examine_programs
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


def test_a_full_disk_of_ours_and_a_job_that_did_not_run_are_failing_though_no_service_runs(
    settings: Settings,
):
    def states() -> dict[str, State]:
        return {one.what: one.state for one in examine_installation(settings)}

    schedule = schedules_of(settings)[Job.VERIFY_JOURNAL]
    scheduled_since(Job.VERIFY_JOURNAL, schedule, now() - timedelta(days=3), settings)
    settings.processing.mkdir(exist_ok=True)
    with small_disk(settings.processing, "512k"):
        found = states()
    assert {what for what, state in found.items() if state is not State.OK} == {
        "disk of processing/",
        "job verify journal",
    }
    assert (found["service"], found["disk of state/"]) == (State.OK, State.OK)
