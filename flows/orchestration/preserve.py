"""The flow ``preserve``: from drops to verdicts. It runs the stages and decides nothing about content."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import Task, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import TagsContext
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarms
from flows.inboxes import answer
from flows.inboxes.alarms import held
from flows.inboxes.answered import Attempts, answered_before
from flows.inboxes.queue.takes import Take, take_holding
from flows.inboxes.streaks import count_answer
from flows.installation.disk_faults import translated_faults
from flows.installation.log import LOG
from flows.installation.machine_settings import RetrySettings
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.artifacts import publish
from flows.orchestration.parameters import parse_drops
from flows.orchestration.progress_artifact import MovingArtifact
from flows.orchestration.tasks import answer_all, run_stage, seal_journal
from flows.submission.answer import (
    RunResult,
    SubmissionResult,
    infected_among,
    interrupted,
    unanswered_sentence,
)
from flows.submission.claim import TakenDrop, claim
from flows.submission.drop import DropRequest, label_of, run_name_of
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage, interrupt, interrupted_by
from flows.submission.workspace import Workspace
from preservation.errors import ConfigurationError, PreservationError, fault_of
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_STATES = {
    Verdict.STORED: (StateType.COMPLETED, "Stored"),
    Verdict.ALREADY_KEPT: (StateType.COMPLETED, "Already kept"),
    Verdict.REJECTED: (StateType.FAILED, "Rejected"),
    Verdict.INTERRUPTED: (StateType.CRASHED, "Interrupted"),
    Verdict.WAITING: (StateType.CANCELLED, "Waiting"),
}
_GRAVEST_LAST = (Verdict.ALREADY_KEPT, Verdict.STORED, Verdict.WAITING, Verdict.REJECTED, Verdict.INTERRUPTED)

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


@dataclass(frozen=True, slots=True)
class _Submissions:
    """The submissions of a run by position: the folders of those claimed, the results of the others."""

    claimed: dict[int, Path]
    results: dict[int, SubmissionResult]

    @property
    def workspaces(self) -> list[Path]:
        """The folders of the claimed submissions."""
        return list(self.claimed.values())


def _run_name() -> str:
    return run_name_of(parse_drops(flow_run.parameters["drops"]))


@flow(name="preserve", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def preserve(directory: Path, drops: list[DropRequest]) -> State[RunResult]:
    """Preserve ``drops`` into the installation in ``directory``; the state says how they ended.

    Each stage is one task run for all drops. Run again after a crash, the flow goes on where it was. A
    deployment passes both parameters as JSON.
    """
    with _untagged():
        return _preserve(Path(directory), parse_drops(drops))


def _preserve(directory: Path, drops: list[DropRequest]) -> State[RunResult]:
    label = label_of(drops)
    settings = load_settings(directory)
    with ExitStack() as claims:
        submissions = _claim_all(settings, drops, claims)
        progress = claims.enter_context(MovingArtifact(label, submissions.workspaces))
        for stage in STAGES.values():
            task = _retried(run_stage, f"{stage.name} {label}", _waits_of(stage.name, settings.retries))
            outcome = task(directory, submissions.workspaces, stage.name, return_state=True)
            if not outcome.is_completed():
                _interrupt_unfinished(drops, submissions, stage, outcome)
        answered = _answers(settings, submissions.workspaces, label)
        by_position = submissions.results | dict(zip(submissions.claimed, answered, strict=True))
        results = [by_position[position] for position in range(len(drops))]
        # Before the drops move: a drop that was moved is seen by no further run.
        raise_alarms(settings, infected_among(results))
        # Under the claim: another run would find the drop gone, and report that instead of this end.
        _place_drops(drops, results, settings)
        progress.ends_as(_sentence_of(results))
    run_result = _sealed(settings, results)
    collected = _RESULTS.get()
    if collected is not None:
        collected.append(run_result)
    _publish(label, answered)
    return _state_of(run_result)


def _untagged() -> TagsContext:
    """Have the tags be the run's alone: Prefect would ask for a slot of every tag for every task run."""
    return TagsContext(current_tags=set())


def _retried(task: Task[_P, _R], name: str, waits: Sequence[float]) -> Task[_P, _R]:
    """Return the task under that name; where it fails, it is tried again after each of ``waits``."""
    return task.with_options(task_run_name=name, retries=len(waits), retry_delay_seconds=list(waits))


def _waits_of(stage: str, retries: RetrySettings) -> Sequence[float]:
    """Return the seconds to wait before each further try of a stage."""
    match stage:
        case "plan" | "package" | "replicate":
            # Planning looks whether what is kept already is there; packaging reads what a version builds on.
            return retries.stores
        case "register":
            return retries.database
        case _:
            return retries.local_work


def _claim_all(settings: Settings, drops: list[DropRequest], claims: ExitStack) -> _Submissions:
    submissions = _Submissions({}, {})
    attempts = _attempts()
    with open_installation(settings) as installation:
        for position, drop in enumerate(drops):
            try:
                answered = answered_before(drop, installation, attempts)
                if answered is not None:
                    submissions.results[position] = answered
                    continue
                with translated_faults(settings):
                    claimed = claims.enter_context(claim(drop, installation, _taken(drop)))
                    submissions.claimed[position] = claimed.root
            except PreservationError as error:
                LOG.warning("%s: %s", drop, error)
                submissions.results[position] = interrupted(drop, str(error))
            except Exception as error:  # noqa: BLE001  the drops after it are claimed in any case
                LOG.exception("%s: it could not be begun", drop)
                submissions.results[position] = interrupted(drop, interrupted_by(fault_of(error)))
    return submissions


def _attempts() -> Attempts:
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


def _taken(drop: DropRequest) -> TakenDrop | None:
    """Return what is known of a drop that was taken from its inbox; ``None`` for any other drop.

    Raises ``ConfigurationError`` where it was taken as another object.
    """
    take = take_holding(drop.path) if drop.taken else None
    if take is None:
        return None
    if take.object_id != drop.object_id:
        raise ConfigurationError(
            f"{drop}: it was taken from its inbox as {printable(str(take.object_id))}; "
            "start the run for that object"
        )
    return TakenDrop(take.tree, take.dropped_as)


def _interrupt_unfinished(
    drops: list[DropRequest], submissions: _Submissions, stage: Stage, outcome: State[Any]
) -> None:
    """End the submissions that the stage did not finish, each with its own fault; the others go on.

    Where none has a fault, the database failed, which concerns all of them.
    """
    error = outcome.result(raise_on_failure=False)
    workspaces = {position: Workspace(root) for position, root in submissions.claimed.items()}
    each_its_own = any(workspace.fault.exist for workspace in workspaces.values())
    for position, workspace in workspaces.items():
        if workspace.has_ended or (each_its_own and workspace.events(stage.name).exist):
            continue
        reason = str(error)
        try:
            reason = next(iter(workspace.fault.so_far), reason)
            interrupt(workspace, reason)
        except Exception as full:  # noqa: BLE001  a full disk, a damaged record: the others are ended all the same
            LOG.warning("%s: its end could not be recorded: %s", drops[position], fault_of(full))
            submissions.results[position] = interrupted(drops[position], interrupted_by(reason))
            del submissions.claimed[position]


def _answers(settings: Settings, workspaces: list[Path], label: str) -> list[SubmissionResult]:
    task = _retried(answer_all, f"answer {label}", settings.retries.database)
    outcome = task(settings.directory, workspaces, return_state=True)
    results = outcome.result(raise_on_failure=False)
    if isinstance(results, BaseException):
        sentence = unanswered_sentence(str(results))
        return [interrupted(f"{root.parent.name}/{root.name}", sentence) for root in workspaces]
    return results


def _place_drops(drops: list[DropRequest], results: list[SubmissionResult], settings: Settings) -> None:
    """Move the drops that came from an inbox to their places; the service retries what fails."""
    for drop, result in zip(drops, results, strict=True):
        take = take_holding(drop.path) if drop.taken else None
        if take is None:
            continue
        _count(take, result, settings)
        try:
            answer.place(result, take)
        except Exception as error:  # noqa: BLE001  the service moves it later; the others are moved now
            LOG.warning("%s: %s", drop, fault_of(error))


def _count(take: Take, result: SubmissionResult, settings: Settings) -> None:
    """Count how the drop ended; raise the alarm where its inbox is held now. An error delays no answer."""
    try:
        hold = count_answer(take, result, settings, now())
    except (OSError, PreservationError) as error:
        LOG.warning("%s: its end is not counted: %s", take.object_id, fault_of(error))
        return
    if hold is not None:
        raise_alarms(settings, [held(hold, now())])


def _sealed(settings: Settings, results: list[SubmissionResult]) -> RunResult:
    """Seal the journal. A failure does not change how the drops ended; it is a fault of the run."""
    task = _retried(seal_journal, "seal the journal", settings.retries.database)
    outcome = task(settings.directory, return_state=True)
    error = outcome.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        raise_alarms(settings, integrity_alarms("the journal", error, now()))
        code = error.exit_code if isinstance(error, PreservationError) else 1
        return RunResult(results, f"The journal was not sealed: {error}", code)
    return RunResult(results)


def _publish(label: str, answered: list[SubmissionResult]) -> None:
    """Show the receipts in Prefect's UI too; a failure to do so does not change how the drops ended."""
    try:
        publish(label, answered)
    except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors
        LOG.warning("Prefect does not accept the receipts (%s): they are in receipts/", type(error).__name__)


def _state_of(run_result: RunResult) -> State[RunResult]:
    results = run_result.results
    verdicts = {result.ending.verdict for result in results}
    kind, name = _STATES[max(verdicts, key=_GRAVEST_LAST.index)]
    message = _sentence_of(results)
    if len(verdicts) > 1:
        # The name counts; the content of one drop is no failure of the others.
        name = message
        kind = StateType.CRASHED if Verdict.INTERRUPTED in verdicts else StateType.COMPLETED
    if run_result.fault:
        # Not green, although the drops are safe: the operator has to look at the journal.
        kind, name, message = StateType.FAILED, f"{name}, journal not sealed", f"{message} {run_result.fault}"
    return State(type=kind, name=name, message=message, data=run_result)


def _sentence_of(results: list[SubmissionResult]) -> str:
    if len(results) == 1:
        return results[0].ending.sentence
    verdicts = [result.ending.verdict for result in results]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict.value}"
        for verdict in reversed(_GRAVEST_LAST)
        if verdict in verdicts
    )
