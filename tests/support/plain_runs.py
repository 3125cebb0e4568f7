"""Runs without Prefect: their steps are called, and shown to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from flows.inboxes.run import preserve_drops
from flows.installation.settings import Settings
from flows.orchestration import drop_runs
from flows.orchestration.environment import PrefectApi
from flows.submission.answer import RunResult, SubmissionResult, interrupted
from flows.submission.drop import DropRequest
from flows.submission.steps import may_succeed_later
from preservation.errors import PreservationError

_P = ParamSpec("_P")
_R = TypeVar("_R")


class PlainConductor:
    """Takes each step by calling it, and shows nothing. A run of its kind is never started again."""

    def attempts(self) -> tuple[()]:
        return ()

    def display(self, _label: str, _workspaces: Sequence[Path]) -> nullcontext[PlainConductor]:
        return nullcontext(self)

    def ends_as(self, sentence: str) -> None:
        pass

    def take_step(
        self, _name: str, waits: Sequence[float], step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R | BaseException:
        for wait in (*waits, None):
            try:
                return step(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  the error is what is returned
                if wait is None or not may_succeed_later(error):
                    return error
                time.sleep(wait)
        raise AssertionError("every way out is above")

    def end(self, _result: RunResult, _label: str, _answered: list[SubmissionResult]) -> None:
        pass


def run_plainly(settings: Settings, drops: list[DropRequest]) -> RunResult:
    """Preserve the drops in one run, without Prefect, and return the result of each."""
    try:
        return preserve_drops(settings.directory, drops, PlainConductor())
    except PreservationError as error:
        return RunResult([interrupted(drop, str(error)) for drop in drops])


@contextmanager
def plain_commands() -> Iterator[None]:
    """Have the commands of this process preserve here, without Prefect, for as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drop_runs, "prefect_api", lambda *_: nullcontext(PrefectApi("")))
        patch.setattr(drop_runs, "import_prefect", lambda *_: None)
        patch.setattr(drop_runs, "run_in_children", lambda run, drops: run(drops))
        patch.setattr(drop_runs, "run_preserve", lambda settings, _api, drops: run_plainly(settings, drops))
        yield
