"""The flow ``preserve``: a run that Prefect conducts. Each step is one task run for all drops."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import UUID

from prefect import Task, flow
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.context import TagsContext
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run

from flows.inboxes.answered import Attempts
from flows.inboxes.run import preserve_drops
from flows.installation.log import LOG
from flows.orchestration.artifacts import publish
from flows.orchestration.parameters import parse_drops
from flows.orchestration.progress_artifact import MovingArtifact
from flows.submission.answer import RunResult, SubmissionResult
from flows.submission.drop import DropRequest, run_name_of
from flows.submission.steps import may_succeed_later
from preservation.model.verdicts import Verdict

_STATES = {
    Verdict.STORED: (StateType.COMPLETED, "Stored"),
    Verdict.ALREADY_KEPT: (StateType.COMPLETED, "Already kept"),
    Verdict.REJECTED: (StateType.FAILED, "Rejected"),
    Verdict.INTERRUPTED: (StateType.CRASHED, "Interrupted"),
    Verdict.WAITING: (StateType.CANCELLED, "Waiting"),
}

_DELIVERY_SECONDS = 10
_P = ParamSpec("_P")
_R = TypeVar("_R")

_RESULTS: ContextVar[list[RunResult] | None] = ContextVar("results", default=None)


@contextmanager
def recorded_results() -> Iterator[list[RunResult]]:
    """Yield a list to which the flow appends its result, which is lost where Prefect is gone at its end."""
    results: list[RunResult] = []
    before = _RESULTS.set(results)
    try:
        yield results
    finally:
        _RESULTS.reset(before)


@contextmanager
def delivered() -> Iterator[None]:
    """Deliver, at the end of the context, the log lines and events that Prefect sends in the background."""
    try:
        yield
    finally:
        EventsWorker.drain_all(timeout=_DELIVERY_SECONDS, at_exit=False)
        APILogWorker.drain_all(timeout=_DELIVERY_SECONDS, at_exit=False)


def _run_name() -> str:
    return run_name_of(parse_drops(flow_run.parameters["drops"]))


@flow(name="preserve", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def preserve(directory: Path, drops: list[DropRequest]) -> State[RunResult]:
    """Preserve ``drops`` into the installation in ``directory``; the state says how they ended.

    Run again after a crash, the flow goes on where it was. A deployment passes both parameters as JSON.
    """
    with _untagged():
        return _state_of(preserve_drops(Path(directory), parse_drops(drops), PrefectConductor()))


def _untagged() -> TagsContext:
    """Have the tags be the run's alone: Prefect would ask for a slot of every tag for every task run."""
    return TagsContext(current_tags=set())


class PrefectConductor:
    """Takes each step of the flow run that it is made in as a task run, and shows the run in Prefect's UI."""

    def attempts(self) -> Attempts:
        """Return from when to when this run ran before: it ended then, and was started again in Prefect.

        The times are Prefect's. Where the clocks differ, an end that was the run's may not be found by them.
        """
        if (flow_run.run_count or 0) <= 1:
            return ()
        with get_client(sync_client=True) as client:
            states = client.read_flow_run_states(UUID(flow_run.id))
        return [
            (state.timestamp, after.timestamp)
            for state, after in pairwise(states)
            if state.type in {StateType.RUNNING, StateType.CANCELLING}
        ]

    def display(self, label: str, workspaces: Sequence[Path]) -> MovingArtifact:
        """Show a progress bar."""
        return MovingArtifact(label, workspaces)

    def take_step(
        self, name: str, waits: Sequence[float], step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R | BaseException:
        """Call ``step`` in a task run called ``name``."""
        run = Task(
            step,
            task_run_name=name,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=len(waits),
            retry_delay_seconds=list(waits),
            retry_condition_fn=_is_retryable,
        )
        state: State[_R] = run(*args, **kwargs, return_state=True)
        return state.result(raise_on_failure=False)

    def end(self, result: RunResult, label: str, answered: list[SubmissionResult]) -> None:
        """Record the result, and show the receipts; that this fails does not change how the drops ended."""
        collected = _RESULTS.get()
        if collected is not None:
            collected.append(result)
        try:
            publish(label, answered)
        except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors
            LOG.warning(
                "Prefect does not accept the receipts (%s): they are in receipts/", type(error).__name__
            )


async def _is_retryable(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    """Return whether the task may succeed later, as its error says."""
    return may_succeed_later(await state.aresult(raise_on_failure=False))


def _state_of(run_result: RunResult) -> State[RunResult]:
    results = run_result.results
    verdicts = {result.ending.verdict for result in results}
    kind, name = _STATES[run_result.gravest]
    message = run_result.sentence
    if len(verdicts) > 1:
        # The name counts; the content of one drop is no failure of the others.
        name = message
        kind = StateType.CRASHED if Verdict.INTERRUPTED in verdicts else StateType.COMPLETED
    if run_result.fault:
        # Not green, although the drops are safe: the operator has to look at the journal.
        kind, name, message = StateType.FAILED, f"{name}, journal not sealed", f"{message} {run_result.fault}"
    return State(type=kind, name=name, message=message, data=run_result)
