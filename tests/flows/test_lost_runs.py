"""Runs whose worker is gone are told as crashed; those that go on are left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from archives import Archive
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending, Running, State
from working_services import asked, forget, run_of

from flows import lost_runs
from flows.deployments import WORK_POOL, register_deployments
from flows.serving import PrefectApi
from flows.settings import load_settings


def states_after(archive: Archive, drop: Path, *states: State[None]) -> list[tuple[str, str]]:
    """Let runs be in these states, of a worker that has just been heard of; look; tell their states."""
    register_deployments(load_settings(archive.directory), PrefectApi(archive.api_url))
    runs = [asked(archive, drop) for _ in states]

    async def look(client: PrefectClient) -> None:
        await client.send_worker_heartbeat(WORK_POOL, "elsewhere")
        for run, state in zip(runs, states, strict=True):
            await client.update_flow_run_labels(run, {"prefect.worker.name": "elsewhere"})
            await client.set_flow_run_state(run, state, force=True)
        await lost_runs.crash_lost_runs(client, archive.directory / "state" / "hands")

    async def connected() -> None:
        async with get_client() as client:
            await look(client)

    with temporary_settings({PREFECT_API_URL: archive.api_url}):
        asyncio.run(connected())
    found = [run_of(archive, run).state for run in runs]
    for run in runs:
        forget(archive, run)
    return [(state.name or "", state.message or "") for state in found if state is not None]


def test_runs_of_a_worker_that_was_just_heard_of_are_left_alone(installation: Archive, ledger: Path):
    found = states_after(installation, ledger, Pending(), Running())
    assert [name for name, _ in found] == ["Pending", "Running"]


def test_a_run_that_was_never_begun_is_told_as_crashed(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_NEVER_BEGUN_AFTER", timedelta(0))
    pending, running = states_after(installation, ledger, Pending(), Running())
    assert pending == ("Crashed", "Its worker was killed before the run began. It is to be run again.")
    assert running[0] == "Running"


def test_a_run_whose_worker_is_not_heard_of_any_more_is_told_as_crashed(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(0))
    [(name, message)] = states_after(installation, ledger, Running())
    assert name == "Crashed"
    assert "not been heard of" in message
