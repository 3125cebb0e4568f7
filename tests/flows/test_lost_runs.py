"""Runs whose worker is gone are told as crashed; those that go on are left alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Pending, Running, State
from services.workers import asked, forget, run_of
from support.archives import Archive

from flows import lost_runs
from flows.handing.unfinished import noted_as_running
from flows.installation.settings_file import load_settings
from flows.lost_runs import LostRuns
from flows.orchestration.deployments import WORK_POOL, register_deployments
from flows.orchestration.server import PrefectApi

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
    held: bool = False,
) -> list[tuple[str, str]]:
    """Let runs be in these states, of that worker; look so often; tell their states.

    The worker elsewhere was heard of once, and the one that looks is before each look. ``held`` says
    whether a process of this machine has the runs in hand.
    """
    register_deployments(load_settings(archive.directory), PrefectApi(archive.api_url))
    hands = archive.directory / "state" / "hands"
    runs = [asked(archive, drop) for _ in states]
    moments = iter(looks)
    lost = LostRuns(hands, lambda: next(moments))

    async def look(client: PrefectClient) -> None:
        await client.send_worker_heartbeat(WORK_POOL, ELSEWHERE)
        for run, state in zip(runs, states, strict=True):
            await client.update_flow_run_labels(run, {"prefect.worker.name": worker})
            if state.is_cancelling():
                await client.set_flow_run_state(run, Running(), force=True)
            await client.set_flow_run_state(run, state, force=True)
        for _ in looks:
            await asyncio.sleep(0.05)
            await client.send_worker_heartbeat(WORK_POOL, HERE)
            await lost.tell(client)

    async def connected() -> None:
        async with get_client() as client:
            await look(client)

    with temporary_settings({PREFECT_API_URL: archive.api_url}):
        if held:
            with noted_as_running(hands, str(runs[0])):
                asyncio.run(connected())
        else:
            asyncio.run(connected())
    found = [run_of(archive, run).state for run in runs]
    for run in runs:
        forget(archive, run)
    return [(state.name or "", state.message or "") for state in found if state is not None]


def test_runs_of_a_worker_that_was_just_heard_of_are_left_alone(installation: Archive, ledger: Path):
    found = states_after(installation, ledger, Pending(), Running(), Cancelling())
    assert [name for name, _ in found] == ["Pending", "Running", "Cancelling"]


def test_a_run_that_was_never_begun_is_told_as_crashed(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_NEVER_BEGUN_AFTER", timedelta(0))
    pending, running = states_after(installation, ledger, Pending(), Running())
    assert pending == ("Crashed", "Its worker was killed before the run began. It is to be run again.")
    assert running[0] == "Running"


@pytest.mark.parametrize("worker", [ELSEWHERE, "nobody-knows-it"])
def test_a_run_whose_worker_is_not_heard_of_any_more_is_told_as_ended(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch, worker: str
):
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=20))
    running, cancelling = states_after(installation, ledger, Running(), Cancelling(), worker=worker)
    assert running[0] == "Crashed"
    assert "not been heard of" in running[1]
    assert cancelling[0] == "Cancelled"


def test_no_worker_is_given_up_by_one_that_was_out_of_touch_itself(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=20))
    [(name, _)] = states_after(installation, ledger, Running(), looks=(0.0, 400.0, 800.0))
    assert name == "Running"


@pytest.mark.parametrize(("held", "told"), [(True, "Cancelling"), (False, "Cancelled")])
def test_a_run_that_is_being_cancelled_ends_as_soon_as_nobody_works_on_it(
    installation: Archive, ledger: Path, *, held: bool, told: str
):
    [(name, _)] = states_after(installation, ledger, Cancelling(), worker=HERE, held=held)
    assert name == told


@pytest.mark.parametrize(
    ("worker", "told"), [(ELSEWHERE, "Running"), (HERE, "Crashed"), (f"{HERE}-2", "Crashed"), ("", "Crashed")]
)
def test_a_run_that_a_worker_elsewhere_has_by_now_is_not_ended_for_a_note_that_was_left_here(
    installation: Archive, ledger: Path, worker: str, told: str
):
    notes = installation.directory / "state" / "hands" / "runs" / HERE
    notes.mkdir(parents=True)
    run = asked(installation, ledger)
    (notes / "a note of nobody's").touch()
    (notes / str(run)).touch()
    with temporary_settings({PREFECT_API_URL: installation.api_url}):
        asyncio.run(_run_and_look(run, worker, notes.parent.parent))
    assert run_of(installation, run).state_name == told
    assert not list(notes.iterdir())
    forget(installation, run)


async def _run_and_look(run: UUID, worker: str, hands: Path) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run, Running(), force=True)
        if worker:
            await client.update_flow_run_labels(run, {"prefect.worker.name": worker})
        await LostRuns(hands).tell_of_killed(client)


def test_a_run_whose_process_was_killed_while_it_was_cancelled_ends_too(installation: Archive, ledger: Path):
    notes = installation.directory / "state" / "hands" / "runs" / HERE
    notes.mkdir(parents=True)
    run = asked(installation, ledger)
    (notes / str(run)).touch()
    with temporary_settings({PREFECT_API_URL: installation.api_url}):
        asyncio.run(_cancel_and_look(run, notes.parent.parent))
    assert run_of(installation, run).state_name == "Cancelled"
    assert not list(notes.iterdir())
    forget(installation, run)


async def _cancel_and_look(run: UUID, hands: Path) -> None:
    async with get_client() as client:
        for state in (Running(), Cancelling()):
            await client.set_flow_run_state(run, state, force=True)
        await LostRuns(hands).tell(client)


@pytest.mark.parametrize(("others", "told"), [((), "Crashed"), ((ELSEWHERE,), "Pending")])
def test_a_run_that_the_worker_before_did_not_begin_is_told_by_the_next_one_where_there_is_no_other(
    installation: Archive, ledger: Path, others: Sequence[str], told: str, monkeypatch: pytest.MonkeyPatch
):
    # Workers of other tests were heard of just now, those of this one later.
    monkeypatch.setattr(lost_runs, "_GONE_AFTER", timedelta(milliseconds=300))
    register_deployments(load_settings(installation.directory), PrefectApi(installation.api_url))
    run = asked(installation, ledger)
    with temporary_settings({PREFECT_API_URL: installation.api_url}):
        asyncio.run(_begin_after(run, others))
    assert run_of(installation, run).state_name == told
    forget(installation, run)


async def _begin_after(run: UUID, others: Sequence[str]) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run, Pending(), force=True)
        await asyncio.sleep(0.5)
        for worker in (*others, HERE):
            await client.send_worker_heartbeat(WORK_POOL, worker)
        await LostRuns(Path("/nowhere")).tell_of_never_begun(client, HERE)
