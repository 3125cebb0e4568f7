"""A job is declared once: its name and time in ``Job``, the rest in the module of its flow's name."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

from prefect import Flow

from flows.installation.init import make_installation
from flows.installation.job_records import schedules_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.orchestration.jobs.definition import entrypoint_of, job_definitions


def test_every_job_has_a_flow_of_its_name_that_takes_what_its_form_asks():
    assert [one.job for one in job_definitions()] == list(Job)
    for one in job_definitions():
        module, _, name = entrypoint_of(one.job).rpartition(".")
        flow = getattr(import_module(module), name)
        assert isinstance(flow, Flow)
        assert flow.name == one.job.flow_name
        assert set(flow.parameters.properties) == set(one.form.model_fields)


def test_no_module_of_a_job_is_left_out(project: Path):
    folder = project / "flows" / "orchestration" / "jobs"
    defining = {path.stem for path in folder.glob("*.py") if "\nDEFINITION = " in path.read_text("utf-8")}
    assert defining == {job.flow_name for job in Job}


def test_a_new_installation_has_every_job_at_its_time(tmp_path: Path):
    make_installation(tmp_path / "archive")
    written = tomllib.loads((tmp_path / "archive" / "muniment.toml").read_text("utf-8"))["schedules"]
    scheduled = {job.setting: job.cron for job in Job if job.cron is not None}
    assert written == {**scheduled, "timezone": "UTC"}
    schedules = schedules_of(load_settings(tmp_path / "archive"))
    assert {job.setting: schedule.cron for job, schedule in schedules.items()} == scheduled


def test_every_job_that_has_a_time_records_its_runs(project: Path):
    sources = [path.read_text("utf-8") for path in (project / "flows").rglob("*.py")]
    recorded = {name for source in sources for name in re.findall(r"recorded_run\(Job\.(\w+), ", source)}
    assert {job.name for job in Job if job.cron is not None} <= recorded


def test_the_pages_for_operators_name_every_job(project: Path):
    for page in ("ui.md", "jobs.md"):
        text = (project / "docs" / page).read_text("utf-8")
        assert [job for job in Job if f"`{job}`" not in text] == [], page
