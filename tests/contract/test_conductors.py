"""What every conductor of runs must do: Prefect's, and the plain one of the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import temporary_settings
from support.flow_runs import installed, outcome_of_run
from support.kept_object import make_ledger
from support.plain_runs import PlainConductor

from flows.inboxes.run import Conductor
from flows.orchestration.client import client_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.preserve import PrefectConductor, delivered
from preservation.errors import IntegrityError, UnavailableError

Use = Callable[[Callable[[Conductor], object]], object]
"""Calls a function with a conductor, and returns what it returns."""


def _plainly(use: Callable[[Conductor], object]) -> object:
    return use(PlainConductor())


def _in_prefect(use: Callable[[Conductor], object]) -> object:
    @flow(name="a run of a test", persist_result=False)
    def run() -> object:
        return use(PrefectConductor())

    return run()


@pytest.fixture(params=["Prefect", "plain"])
def conducted(request: pytest.FixtureRequest) -> Iterator[Use]:
    if request.param == "plain":
        yield _plainly
        return
    api = PrefectApi(request.getfixturevalue("prefect_url"), os.environ["PREFECT_API_AUTH_STRING"])
    with temporary_settings(client_settings(api)), delivered():
        yield _in_prefect


class Step:
    """A step that ends with these errors, one after the other, and then with their number."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[tuple[object, ...]] = []

    def __call__(self, *arguments: object) -> int:
        self.calls.append(arguments)
        if len(self.calls) <= len(self.errors):
            raise self.errors[len(self.calls) - 1]
        return len(self.errors)


def test_a_step_is_given_its_arguments_and_its_result_is_given_back(conducted: Use):
    step = Step()
    assert conducted(lambda conductor: conductor.take_step("count", [0.0], step, "a", 1)) == 0
    assert step.calls == [("a", 1)]


def test_what_may_pass_is_tried_again_after_each_of_the_waits(conducted: Use):
    step = Step(UnavailableError("away"), UnavailableError("still away"))
    assert conducted(lambda conductor: conductor.take_step("count", [0.0, 0.01], step)) == 2
    away = Step(*[UnavailableError("away")] * 5)
    told = conducted(lambda conductor: conductor.take_step("count", [0.0, 0.01], away))
    assert isinstance(told, UnavailableError)
    assert len(away.calls) == 3


@pytest.mark.parametrize("error", [IntegrityError("another digest"), ZeroDivisionError("ours")])
def test_what_does_not_pass_is_given_back_at_once(conducted: Use, error: Exception):
    step = Step(error)
    told = conducted(lambda conductor: conductor.take_step("count", [60.0], step))
    assert type(told) is type(error)
    assert str(error) in str(told)
    assert len(step.calls) == 1


def test_a_run_that_was_not_started_again_has_no_attempts_before(conducted: Use):
    assert conducted(lambda conductor: list(conductor.attempts())) == []


@pytest.mark.parametrize("in_prefect", [True, False])
def test_runs_end_alike_whoever_conducts_them(prefect_url: str, tmp_path: Path, *, in_prefect: bool):
    archive = installed(tmp_path / "archive", prefect_url)
    kept, broken = make_ledger(tmp_path / "ledger"), tmp_path / "broken"
    broken.mkdir()
    (broken / "link").symlink_to("nowhere")
    outcome = outcome_of_run(archive, kept, broken, in_prefect=in_prefect)
    assert [(one.object, one.ending.verdict.value) for one in outcome.results] == [
        ("files/ledger", "stored"),
        ("files/broken", "rejected"),
    ]
    assert (outcome.fault, outcome.sentence) == ("", "1 rejected, 1 stored")
