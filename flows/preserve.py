"""The flow ``preserve``: from drops to verdicts. It orders the stages; it decides nothing about content."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run

from flows.answering import RunOutcome, Told, not_begun, unanswered
from flows.artifacts import publish
from flows.claiming import claim
from flows.drops import Drop, label_of
from flows.progress import LOG
from flows.retries import DATABASE
from flows.settings import load_settings
from flows.stages.all import STAGES
from flows.stages.stage import Stage, interrupt
from flows.tasks import answer_all, retry_policy_of, run_stage, seal_journal
from flows.wiring import open_installation
from flows.workspace import Workspace
from preservation.errors import PreservationError
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


@dataclass(frozen=True, slots=True)
class _InHand:
    """The submissions of one run: those in hand, and what is told of those that could not be taken."""

    workspaces: list[Path]
    told: dict[int, Told]


def _run_name() -> str:
    return f"preserve {label_of(flow_run.parameters['drops'])}"


@flow(name="preserve", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def preserve(directory: Path, drops: list[Drop]) -> State[RunOutcome]:
    """Preserve ``drops`` into the installation in ``directory``; the state tells the gravest end.

    Each stage is one task run for all drops. Run again after a crash, it goes on where it was.
    """
    label = label_of(drops)
    with ExitStack() as hands:
        in_hand = _take_in_hand(directory, drops, hands)
        for stage in STAGES.values():
            waits = list(retry_policy_of(stage.name).waits)
            outcome = run_stage.with_options(
                task_run_name=f"{stage.name} {label}", retries=len(waits), retry_delay_seconds=waits
            )(directory, in_hand.workspaces, stage.name, return_state=True)
            if not outcome.is_completed():
                _interrupt_unfinished(in_hand.workspaces, stage, outcome)
        answered = _answers(directory, in_hand.workspaces, label)
    publish(label, answered)
    told = [in_hand.told.get(place) or answered.pop(0) for place in range(len(drops))]
    return _state_of(_sealed(directory, told))


def _take_in_hand(directory: Path, drops: list[Drop], hands: ExitStack) -> _InHand:
    taken: list[Path] = []
    refused: dict[int, Told] = {}
    with open_installation(load_settings(directory)) as installation:
        for place, drop in enumerate(drops):
            try:
                taken.append(hands.enter_context(claim(drop, installation)).root)
            except PreservationError as error:
                LOG.warning("%s: %s", drop, error)
                refused[place] = not_begun(drop, str(error))
    return _InHand(taken, refused)


def _interrupt_unfinished(workspaces: list[Path], stage: Stage, outcome: State[Any]) -> None:
    """End the submissions that the stage did not finish, each with its own fault; the others go on."""
    error = outcome.result(raise_on_failure=False)
    for workspace in map(Workspace, workspaces):
        if not workspace.has_ended and not workspace.events(stage.name).exist:
            interrupt(workspace, next(iter(workspace.fault.so_far), str(error)))


def _answers(directory: Path, workspaces: list[Path], label: str) -> list[Told]:
    waits = list(DATABASE.waits)
    outcome = answer_all.with_options(
        task_run_name=f"answer {label}", retries=len(waits), retry_delay_seconds=waits
    )(directory, workspaces, return_state=True)
    told = outcome.result(raise_on_failure=False)
    if isinstance(told, BaseException):
        return [unanswered(Workspace(root), str(told)) for root in workspaces]
    return told


def _sealed(directory: Path, told: list[Told]) -> RunOutcome:
    """Seal the journal. Where that fails the drops have ended as they have; it is told as itself."""
    waits = list(DATABASE.waits)
    outcome = seal_journal.with_options(
        task_run_name="seal the journal", retries=len(waits), retry_delay_seconds=waits
    )(directory, return_state=True)
    error = outcome.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        code = error.exit_code if isinstance(error, PreservationError) else 1
        return RunOutcome(told, f"The journal was not sealed: {error}", code)
    return RunOutcome(told)


def _state_of(outcome: RunOutcome) -> State[RunOutcome]:
    told = outcome.told
    gravest = max((one.ending.verdict for one in told), key=_GRAVEST_LAST.index)
    kind, name = _STATES[gravest]
    message = told[0].ending.sentence if len(told) == 1 else _counted(told)
    if outcome.fault:
        # Green means green: the drops are as safe as they are, and somebody has to look at the journal.
        kind, name, message = StateType.FAILED, f"{name}, journal not sealed", f"{message} {outcome.fault}"
    return State(type=kind, name=name, message=message, data=outcome)


def _counted(told: list[Told]) -> str:
    verdicts = [one.ending.verdict for one in told]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict.value}"
        for verdict in reversed(_GRAVEST_LAST)
        if verdict in verdicts
    )
