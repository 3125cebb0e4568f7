"""The flow ``preserve``: from drops to verdicts. It orders the stages; it decides nothing about content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import broken_promises
from flows.inboxes import answer
from flows.inboxes.queue.takes import take_holding
from flows.installation.disk_faults import faults_told
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.artifacts import publish
from flows.orchestration.parameters import drops_asked
from flows.orchestration.progress_artifact import MovingArtifact
from flows.orchestration.retries import waits_of_stage
from flows.orchestration.tasks import answer_all, run_stage, seal_journal
from flows.submission.alarms import infected_among
from flows.submission.answer import RunResult, SubmissionResult, not_begun, unanswered, unwritten
from flows.submission.claim import claim
from flows.submission.drop import DropRequest, label_of
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage, interrupt
from flows.submission.workspace import Workspace
from preservation.errors import ConfigurationError, PreservationError, StorageError
from preservation.model.digests import HexDigest
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_STATES = {
    Verdict.STORED: (StateType.COMPLETED, "Stored"),
    Verdict.ALREADY_KEPT: (StateType.COMPLETED, "Already kept"),
    Verdict.REJECTED: (StateType.FAILED, "Rejected"),
    Verdict.INTERRUPTED: (StateType.CRASHED, "Interrupted"),
    Verdict.WAITING: (StateType.CANCELLED, "Waiting"),
}
_GRAVEST_LAST = (
    Verdict.ALREADY_KEPT,
    Verdict.STORED,
    Verdict.WAITING,
    Verdict.REJECTED,
    Verdict.INTERRUPTED,
)

_NOTED: ContextVar[list[RunResult] | None] = ContextVar("outcomes", default=None)


@contextmanager
def outcomes_noted() -> Iterator[list[RunResult]]:
    """Give a list in which the flow notes its outcome: Prefect may be gone before it can hand it over."""
    noted: list[RunResult] = []
    before = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(before)


@dataclass(frozen=True, slots=True)
class _InHand:
    """The submissions of one run by their place in it: those in hand, and what is told of the others."""

    taken: dict[int, Path]
    told: dict[int, SubmissionResult]

    @property
    def workspaces(self) -> list[Path]:
        """The folders of those that are in hand."""
        return list(self.taken.values())


def _run_name() -> str:
    return f"preserve {label_of(drops_asked(flow_run.parameters['drops']))}"


@flow(name="preserve", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def preserve(directory: Path, drops: list[DropRequest]) -> State[RunResult]:
    """Preserve ``drops`` into the installation in ``directory``; the state tells the gravest end.

    Each stage is one task run for all drops. Run again after a crash, it goes on where it was. A deployment
    gives both as JSON has them.
    """
    directory, drops = Path(directory), drops_asked(drops)
    label = label_of(drops)
    settings = load_settings(directory)
    with ExitStack() as hands:
        in_hand = _take_in_hand(settings, drops, hands)
        moving = hands.enter_context(MovingArtifact(label, in_hand.workspaces))
        for stage in STAGES.values():
            waits = waits_of_stage(stage.name, settings.retries)
            outcome = run_stage.with_options(
                task_run_name=f"{stage.name} {label}", retries=len(waits), retry_delay_seconds=waits
            )(directory, in_hand.workspaces, stage.name, return_state=True)
            if not outcome.is_completed():
                _interrupt_unfinished(in_hand, stage, outcome)
        answered = _answers(settings, in_hand.workspaces, label)
        by_place = in_hand.told | dict(zip(in_hand.taken, answered, strict=True))
        told = [by_place[place] for place in range(len(drops))]
        # Before the drops move: what is moved is in no further run's hands.
        raise_alarms(settings, infected_among(told))
        # Still in hand: another run would find the drop gone, and tell that instead of this end.
        _put_where_people_look(drops, told)
        moving.ends_as(_sentence_of(told))
    ended = _sealed(settings, told)
    noted = _NOTED.get()
    if noted is not None:
        noted.append(ended)
    _publish(label, answered)
    return _state_of(ended)


def _take_in_hand(settings: Settings, drops: list[DropRequest], hands: ExitStack) -> _InHand:
    taken: dict[int, Path] = {}
    refused: dict[int, SubmissionResult] = {}
    with open_installation(settings) as installation:
        for place, drop in enumerate(drops):
            try:
                with faults_told(settings):
                    hand = claim(drop, installation, _as_taken(drop))
                    taken[place] = hands.enter_context(hand).root
            except PreservationError as error:
                LOG.warning("%s: %s", drop, error)
                refused[place] = not_begun(drop, str(error))
    return _InHand(taken, refused)


def _as_taken(drop: DropRequest) -> HexDigest | None:
    """Return the signature of a drop when it was taken from its inbox; ``None`` for any other drop.

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
    return take.tree


def _interrupt_unfinished(in_hand: _InHand, stage: Stage, outcome: State[Any]) -> None:
    """End the submissions that the stage did not finish, each with its own fault; the others go on.

    Where none has one, what failed was the database, of all of them, and with it their journal.
    """
    error = outcome.result(raise_on_failure=False)
    workspaces = {place: Workspace(root) for place, root in in_hand.taken.items()}
    each_its_own = any(workspace.fault.exist for workspace in workspaces.values())
    for place, workspace in workspaces.items():
        if workspace.has_ended or (each_its_own and workspace.events(stage.name).exist):
            continue
        reason = next(iter(workspace.fault.so_far), str(error))
        try:
            interrupt(workspace, reason)
        except OSError as full:
            LOG.warning("%s: its end could not be written down: %s", workspace.submission.object, full)
            in_hand.told[place] = unwritten(workspace, reason)
            del in_hand.taken[place]


def _answers(settings: Settings, workspaces: list[Path], label: str) -> list[SubmissionResult]:
    waits = list(settings.retries.database)
    outcome = answer_all.with_options(
        task_run_name=f"answer {label}", retries=len(waits), retry_delay_seconds=waits
    )(settings.directory, workspaces, return_state=True)
    told = outcome.result(raise_on_failure=False)
    if isinstance(told, BaseException):
        return [unanswered(Workspace(root), str(told)) for root in workspaces]
    return told


def _put_where_people_look(drops: list[DropRequest], told: list[SubmissionResult]) -> None:
    """Move the drops that came from an inbox to where their answers are; what cannot be is done later."""
    for drop, one in zip(drops, told, strict=True):
        take = take_holding(drop.path) if drop.taken else None
        if take is None:
            continue
        try:
            answer.place(one, take)
        except StorageError as error:
            LOG.warning("%s: %s", drop, error)


def _sealed(settings: Settings, told: list[SubmissionResult]) -> RunResult:
    """Seal the journal. Where that fails the drops have ended as they have; it is told as itself."""
    waits = list(settings.retries.database)
    outcome = seal_journal.with_options(
        task_run_name="seal the journal", retries=len(waits), retry_delay_seconds=waits
    )(settings.directory, return_state=True)
    error = outcome.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        raise_alarms(settings, broken_promises("the journal", error, now()))
        code = error.exit_code if isinstance(error, PreservationError) else 1
        return RunResult(told, f"The journal was not sealed: {error}", code)
    return RunResult(told)


def _publish(label: str, answered: list[SubmissionResult]) -> None:
    """Show what the receipts say in Prefect's UI too. How the drops ended does not hang on that."""
    try:
        publish(label, answered)
    except Exception as error:  # noqa: BLE001  Prefect's API gone midway has many faces
        LOG.warning("Prefect does not take the receipts (%s): they are in receipts/", type(error).__name__)


def _state_of(outcome: RunResult) -> State[RunResult]:
    told = outcome.told
    gravest = max((one.ending.verdict for one in told), key=_GRAVEST_LAST.index)
    kind, name = _STATES[gravest]
    message = _sentence_of(told)
    if outcome.fault:
        # Green means green: the drops are as safe as they are, and somebody has to look at the journal.
        kind, name, message = StateType.FAILED, f"{name}, journal not sealed", f"{message} {outcome.fault}"
    return State(type=kind, name=name, message=message, data=outcome)


def _sentence_of(told: list[SubmissionResult]) -> str:
    return told[0].ending.sentence if len(told) == 1 else _counted(told)


def _counted(told: list[SubmissionResult]) -> str:
    verdicts = [one.ending.verdict for one in told]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict.value}"
        for verdict in reversed(_GRAVEST_LAST)
        if verdict in verdicts
    )
