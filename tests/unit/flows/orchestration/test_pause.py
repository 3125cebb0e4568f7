"""A run is paused only where Prefect says so: silence, and work outside of any run, go on."""

from __future__ import annotations

from itertools import count
from uuid import uuid4

import pytest
from prefect.exceptions import Pause
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Paused

from flows.orchestration import pause
from flows.orchestration.pause import RunPause


def test_what_is_no_run_is_never_paused():
    mine = RunPause(clock=count(0, 10).__next__)
    assert mine.goes_on()
    assert mine.begun_at() is None
    mine.end()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> RunPause:
    """A run that asks each time."""
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(uuid4()))
    return RunPause(clock=count(0, 10).__next__)


def test_a_prefect_that_does_not_answer_pauses_nothing(run: RunPause):
    away = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(away):
        assert run.goes_on()
        assert run.begun_at() is None
        run.end()


def test_a_run_that_prefect_does_not_know_is_not_paused(run: RunPause, prefect_url: str):
    with temporary_settings({PREFECT_API_URL: prefect_url}):
        assert run.goes_on()
        assert run.begun_at() is None


def test_once_found_paused_it_asks_no_more_and_ends_as_paused(run: RunPause, monkeypatch: pytest.MonkeyPatch):
    answers = iter([None, Paused(reschedule=True)])
    monkeypatch.setattr(pause, "_pause_of", lambda _: next(answers))
    assert run.goes_on()
    assert not run.goes_on()
    assert not run.goes_on()
    with pytest.raises(Pause):
        run.end()


def test_prefect_is_asked_at_most_every_few_seconds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(uuid4()))
    asked: list[object] = []
    monkeypatch.setattr(pause, "_pause_of", asked.append)
    seconds = iter([0.0, 1.0, 2.0, 5.5, 5.5, 6.0, 8.0])
    mine = RunPause(clock=seconds.__next__)
    for _ in range(5):
        assert mine.goes_on()
    assert len(asked) == 1
