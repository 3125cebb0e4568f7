"""What a worker does beside its runs: whatever stands in the way of that ends no worker."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from flows import polling
from flows.handing.hands import Hands
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.orchestration.run_requests import Runs
from flows.orchestration.server import PrefectApi
from flows.polling import Polling
from flows.service import dispatch_loop as attending
from flows.service.dispatch_loop import _DispatchLoop


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_installation(tmp_path / "archive")
    return load_settings(tmp_path / "archive")


def no_json() -> ValueError:
    """What comes of a page where Prefect's answer should be."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("<html>")
    return caught.value


def a_polling(settings: Settings, said: list[str], **worker: object) -> Polling:
    hands = SimpleNamespace(folder=settings.state / "hands", keep_warm=lambda: None)
    known = SimpleNamespace(name="here", limiter=SimpleNamespace(available_tokens=1), **worker)
    return Polling(
        settings, PrefectApi("http://127.0.0.1:9/api"), cast("Hands", hands), cast("Any", known), said.append
    )


def test_whatever_stands_in_the_way_of_looking_for_killed_runs_is_told_once_and_ends_nothing(
    settings: Settings,
):
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
        going = asyncio.create_task(a_polling(settings, said)._now_and_then(look, 0.0))
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
    monkeypatch.setattr(polling, "_QUERY_SECONDS", 0.01)
    monkeypatch.setattr(polling, "register_deployments", lambda *_: [])
    answers: Iterator[Exception | None] = iter(
        [no_json(), OSError(errno.EMFILE, "Too many open files"), None]
    )
    said: list[str] = []

    async def ask() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    async def sync() -> None:
        worker._stopping.set()

    worker = a_polling(settings, said, get_and_submit_flow_runs=ask, sync_with_backend=sync)
    asyncio.run(worker._poll())
    assert ["does not answer (JSONDecodeError)" in text for text in said] == [True, False]
    assert said[-1] == "Prefect answers again"


def test_a_page_in_place_of_the_runs_under_way_does_not_end_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    attendance = _DispatchLoop(settings, cast("Runs", SimpleNamespace()), said.append)

    def dispatch() -> attending.Plan:
        raise no_json()

    monkeypatch.setattr(attendance._dispatcher, "dispatch", dispatch)
    assert attendance._dispatch() is None
    assert attendance._dispatch() is None
    assert len(said) == 1
    assert "drops wait to be given to a run: JSONDecodeError" in said[0]
