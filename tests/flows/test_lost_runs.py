"""Runs whose worker is gone are reported as crashed; those that go on are left alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Completed, Pending, Running, State
from services.workers import asked, forget, run_of
from support.archives import Archive

from flows.installation.settings_file import load_settings
from flows.orchestration import lost_runs
from flows.orchestration.client import end_tasks_of
from flows.orchestration.deployments import WORK_POOL, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.lost_runs import LostRuns
from flows.orchestration.runner.slots import held_slot

pytestmark = pytest.mark.in_prefect

ELSEWHERE = "elsewhere"
HERE = socket.gethostname()
LOOKS = (0.0, 30.0, 60.0)
"""When it is looked, in seconds: Prefect answered all the time."""


def states_after(
    archive: Archive,
    drop: Path,
    *states: State[None],
    worker: str = ELSEWHERE,
    looks: Sequence[float] = LOOKS,
    in_hand: bool = False,
    heard_of: Iterable[str] = (ELSEWHERE,),
) -> list[tuple[str, str]]:
    """Let runs be in these states, of that worker, and look so often, as the first worker here.

    The workers ``heard_of`` were heard of once, and the one that looks is before each look. ``in_hand`` says
    whether that one has the runs.
    """
    settings = load_settings(archive.directory)
    register_deployments(settings, PrefectApi(archive.api_url))
    runs = [asked(archive, drop) for _ in states]
    moments = iter(looks)

    async def look(client: PrefectClient) -> None:
        for run, state in zip(runs, states, strict=True):
            await client.update_flow_run_labels(run, {"prefect.worker.name": worker})
            if state.is_cancelling():
                await client.set_flow_run_state(run, Running(), force=True)
            await client.set_flow_run_state(run, state, force=True)
        for name in heard_of:
            await client.send_worker_heartbeat(WORK_POOL, name)
        with held_slot(settings) as slot:
            known = SimpleNamespace(client=client, name=slot.worker, in_hand=set(runs if in_hand else ()))
            lost = LostRuns(cast("Any", known), slot, lambda: next(moments))
            for _ in looks:
                await asyncio.sleep(0.05)
                await client.send_worker_heartbeat(WORK_POOL, HERE)
                await lost.report()

    async def connected() -> None:
        async with get_client() as client:
            await look(client)

    with temporary_settings({PREFECT_API_URL: archive.api_url}):
        asyncio.run(connected())
    found = [run_of(archive, run).state for run in runs]
    for run in runs:
        forget(archive, run)
    return [(state.name or "", state.message or "") for state in found if state is not None]


def was_here(archive: Archive, number: int) -> str:
    """Let there have been a worker of that number on this machine; return its name."""
    folder = archive.directory / "state" / "workers" / HERE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}.lock").touch()
    return f"{HERE}-{number}"


def test_runs_of_a_worker_that_was_just_heard_of_are_left_alone(installation: Archive, ledger: Path):
    found = states_after(installation, ledger, Pending(), Running(), Cancelling())
    assert [name for name, _ in found] == ["Pending", "Running", "Cancelling"]


def test_a_run_that_was_never_begun_is_reported_as_crashed(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_NEVER_BEGUN_AFTER", timedelta(0))
    pending, running = states_after(installation, ledger, Pending(), Running())
    assert pending == ("Crashed", "Its worker was killed before the run began. It is to be run again.")
    assert running[0] == "Running"


@pytest.mark.parametrize("worker", [ELSEWHERE, "nobody-knows-it"])
def test_a_run_whose_worker_sends_no_heartbeat_any_more_is_reported_as_ended(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch, worker: str
):
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=20))
    running, cancelling = states_after(installation, ledger, Running(), Cancelling(), worker=worker)
    assert running[0] == "Crashed"
    assert cancelling[0] == "Cancelled"


def test_no_worker_is_given_up_by_one_that_was_out_of_touch_itself(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=20))
    [(name, _)] = states_after(installation, ledger, Running(), looks=(0.0, 400.0, 800.0))
    assert name == "Running"


def test_runs_of_a_dead_worker_of_this_machine_are_reported_as_ended_at_the_first_look(
    installation: Archive, ledger: Path
):
    worker = was_here(installation, 2)
    # Prefect takes it to live: it was heard of just now.
    found = states_after(
        installation,
        ledger,
        Running(),
        Cancelling(),
        worker=worker,
        looks=(0.0,),
        heard_of=(worker, ELSEWHERE),
    )
    goes_on = "Nothing is lost: run again, it goes on from where it was."
    assert found == [
        ("Crashed", f"Its worker is gone. {goes_on}"),
        ("Cancelled", f"It was cancelled, and its worker is gone. {goes_on}"),
    ]


@pytest.mark.parametrize(
    ("in_hand", "told"), [(True, ["Running", "Cancelling"]), (False, ["Crashed", "Cancelled"])]
)
def test_runs_of_an_earlier_worker_of_the_same_name_are_those_that_are_not_in_hand(
    installation: Archive, ledger: Path, *, in_hand: bool, told: list[str]
):
    found = states_after(
        installation, ledger, Running(), Cancelling(), worker=HERE, looks=(0.0,), in_hand=in_hand
    )
    assert [name for name, _ in found] == told


def test_runs_of_a_living_worker_of_this_machine_are_left_alone(installation: Archive, ledger: Path):
    worker = was_here(installation, 2)
    lock = os.open(installation.directory / "state" / "workers" / HERE / "2.lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = states_after(
            installation, ledger, Running(), worker=worker, looks=(0.0,), heard_of=(worker, ELSEWHERE)
        )
    finally:
        os.close(lock)
    assert [name for name, _ in found] == ["Running"]


@pytest.mark.parametrize(("others", "told"), [((), "Crashed"), ((ELSEWHERE,), "Pending")])
def test_a_run_that_the_worker_before_did_not_begin_is_reported_by_the_next_one_where_there_is_no_other(
    installation: Archive, ledger: Path, others: Sequence[str], told: str, monkeypatch: pytest.MonkeyPatch
):
    if not others:
        # Workers of other tests, which were heard of half a second ago or earlier, count as gone.
        monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=300))
    register_deployments(load_settings(installation.directory), PrefectApi(installation.api_url))
    run = asked(installation, ledger)
    with temporary_settings({PREFECT_API_URL: installation.api_url}):
        asyncio.run(_begin_after(installation, run, others))
    assert run_of(installation, run).state_name == told
    forget(installation, run)


async def _begin_after(archive: Archive, run: UUID, others: Sequence[str]) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run, Pending(), force=True)
        await asyncio.sleep(0.5)
        for worker in (*others, HERE):
            await client.send_worker_heartbeat(WORK_POOL, worker)
        with held_slot(load_settings(archive.directory)) as slot:
            known = SimpleNamespace(client=client, name=HERE, in_hand=set())
            await LostRuns(cast("Any", known), slot).report()


def test_the_tasks_of_a_run_end_with_its_process(installation: Archive):
    @flow
    def nothing() -> None:
        """Stand for a run."""

    @task
    def survey() -> None:
        """Stand for a stage of the run."""

    async def ended() -> list[str]:
        async with get_client() as client:
            run = await client.create_flow_run(nothing)
            running = await client.create_task_run(survey, run.id, "0", state=Running())
            done = await client.create_task_run(survey, run.id, "1", state=Completed())
            await end_tasks_of(client, run.id)
            after = [await client.read_task_run(one.id) for one in (running, done)]
            return [one.state.name or "" for one in after if one.state is not None]

    with temporary_settings({PREFECT_API_URL: installation.api_url}):
        assert asyncio.run(ended()) == ["Crashed", "Completed"]
