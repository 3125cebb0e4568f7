"""What a worker does beside its runs: whatever stands in the way of that ends no worker."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from flows.installation.bell import run_bell
from flows.installation.settings import Settings
from flows.orchestration import worker
from flows.orchestration.environment import PrefectApi
from flows.orchestration.run_requests import Runs
from flows.orchestration.worker import WorkerLife
from flows.service import dispatch_loop
from flows.service.dispatch_loop import _DispatchLoop


def no_json() -> ValueError:
    """What comes of a page where Prefect's answer should be."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("<html>")
    return caught.value


def a_life(settings: Settings, said: list[str], **asked: object) -> WorkerLife:
    """The life of a worker whose processes are ready; what it asks Prefect is the test's."""
    processes = SimpleNamespace(keep_up=lambda: None, are_ready=True)
    slot = SimpleNamespace(dead_workers=set)
    known = SimpleNamespace(name="here", limiter=SimpleNamespace(available_tokens=1), in_hand=set(), **asked)
    return WorkerLife(
        settings,
        PrefectApi("http://127.0.0.1:9/api"),
        cast("Any", processes),
        cast("Any", known),
        cast("Any", slot),
        said.append,
    )


def test_a_fault_of_looking_after_runs_is_reported_once_and_ends_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "_LOOK_SECONDS", 0.0)
    stale = OSError(errno.ESTALE, "Stale file handle")
    faults: Iterator[Exception | None] = iter(
        [stale, stale, no_json(), httpx.ConnectError("away"), no_json(), None, stale, None]
    )
    said: list[str] = []
    over = asyncio.Event()

    async def look() -> None:
        fault = next(faults, over)
        if fault is over:
            over.set()
        elif isinstance(fault, Exception):
            raise fault

    async def looked() -> None:
        going = asyncio.create_task(a_life(settings, said, end_cancelled=look)._look_after_runs())
        waiting = asyncio.create_task(over.wait())
        await asyncio.wait([going, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=10)
        assert over.is_set()
        assert not going.done()
        going.cancel()

    asyncio.run(looked())
    assert ["Stale file handle" in text for text in said] == [True, False, True]
    assert "JSONDecodeError" in said[1]


def test_a_worker_that_gets_a_page_in_place_of_runs_asks_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "_QUERY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "register_deployments", lambda *_: [])
    answers: Iterator[Exception | None] = iter(
        [no_json(), OSError(errno.EMFILE, "Too many open files"), None]
    )
    said: list[str] = []

    async def ask() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    async def sync() -> None:
        life._stopping.set()

    life = a_life(settings, said, get_and_submit_flow_runs=ask, sync_with_backend=sync)
    asyncio.run(life._poll())
    assert ["does not answer (JSONDecodeError)" in text for text in said] == [True, False]
    assert said[-1] == "Prefect answers again"


def test_an_idle_worker_asks_seldom_and_at_once_when_the_bell_rings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "_QUERY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_IDLE_SECONDS", 600.0)
    asked: list[int] = []

    async def ask() -> None:
        asked.append(len(asked))
        if len(asked) == 2:
            life._stopping.set()

    async def ring_when_it_has_asked_once() -> None:
        polling = asyncio.create_task(life._poll())
        while not asked:  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0)
        # Many times as long as a busy worker rests.
        await asyncio.sleep(0.2)
        assert len(asked) == 1
        run_bell(settings).ring()
        await polling

    life = a_life(settings, [], get_and_submit_flow_runs=ask)
    asyncio.run(ring_when_it_has_asked_once())


def test_a_worker_that_has_runs_under_way_asks_for_more_without_being_called(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "_QUERY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_IDLE_SECONDS", 600.0)
    asked: list[int] = []

    async def ask() -> None:
        asked.append(len(asked))
        if len(asked) == 3:
            life._stopping.set()

    life = a_life(settings, [], get_and_submit_flow_runs=ask)
    life.worker.in_hand.add(UUID(int=1))
    asyncio.run(life._poll())


def test_a_page_in_place_of_the_runs_under_way_does_not_end_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    attendance = _DispatchLoop(settings, cast("Runs", SimpleNamespace()), said.append)

    def dispatch() -> dispatch_loop.Plan:
        raise no_json()

    monkeypatch.setattr(attendance._dispatcher, "dispatch", dispatch)
    assert attendance._dispatch() is None
    assert attendance._dispatch() is None
    assert len(said) == 1
    assert "drops wait to be given to a run: JSONDecodeError" in said[0]
