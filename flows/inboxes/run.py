"""A run: takes drops from their claim to their verdicts, stage by stage. It decides nothing about content.

Whoever conducts a run takes its steps and shows it: the flow ``preserve`` does so in Prefect.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

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
from flows.submission.answer import (
    RunResult,
    SubmissionResult,
    infected_among,
    interrupted,
    unanswered_sentence,
)
from flows.submission.claim import TakenDrop, claim
from flows.submission.drop import DropRequest, label_of
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage, interrupt, interrupted_by
from flows.submission.steps import answer_all, run_stage, seal_journal
from flows.submission.workspace import Workspace
from preservation.errors import ConfigurationError, PreservationError, fault_of
from preservation.model.paths import printable

_P = ParamSpec("_P")
_R = TypeVar("_R")


class EndingDisplay(Protocol):
    """Shows how far a run is, and then how it ended."""

    def ends_as(self, sentence: str) -> None:
        """Show how the run ended."""


class Conductor(Protocol):
    """Takes the steps of a run, and shows it to people."""

    def attempts(self) -> Attempts:
        """Return from when to when this run ran before, where it was started again."""

    def display(self, label: str, workspaces: Sequence[Path]) -> AbstractContextManager[EndingDisplay]:
        """Show how far the submissions are for as long as the context lasts."""

    def take_step(
        self, name: str, waits: Sequence[float], step: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R | BaseException:
        """Call ``step`` and return what it returned, or the error with which it ended.

        After an error that may pass (``PreservationError.retryable``) it is called again, after each of
        ``waits``, which are in seconds.
        """

    def end(self, result: RunResult, label: str, answered: list[SubmissionResult]) -> None:
        """Take in the result of the run, and show the receipts of what it ``answered``."""


@dataclass(frozen=True, slots=True)
class _Submissions:
    """The submissions of a run by position: the folders of those claimed, the results of the others."""

    claimed: dict[int, Path]
    results: dict[int, SubmissionResult]

    @property
    def workspaces(self) -> list[Path]:
        """The folders of the claimed submissions."""
        return list(self.claimed.values())


def preserve_drops(directory: Path, drops: list[DropRequest], conductor: Conductor) -> RunResult:
    """Preserve ``drops`` into the installation in ``directory``, and return the result of each.

    Each stage is one step for all drops. Run again after a crash, it goes on where it was.
    """
    label = label_of(drops)
    settings = load_settings(directory)
    with ExitStack() as claims:
        submissions = _claim_all(settings, drops, claims, conductor.attempts())
        display = claims.enter_context(conductor.display(label, submissions.workspaces))
        for stage in STAGES.values():
            name, waits = f"{stage.name} {label}", _waits_of(stage.name, settings.retries)
            error = conductor.take_step(name, waits, run_stage, directory, submissions.workspaces, stage.name)
            if error is not None:
                _interrupt_unfinished(drops, submissions, stage, error)
        answered = _answers(settings, submissions.workspaces, label, conductor)
        by_position = submissions.results | dict(zip(submissions.claimed, answered, strict=True))
        results = [by_position[position] for position in range(len(drops))]
        # Before the drops move: a drop that was moved is seen by no further run.
        raise_alarms(settings, infected_among(results))
        # Under the claim: another run would find the drop gone, and report that instead of this end.
        _place_drops(drops, results, settings)
        display.ends_as(RunResult(results).sentence)
    result = _sealed(settings, results, conductor)
    conductor.end(result, label, answered)
    return result


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


def _claim_all(
    settings: Settings, drops: list[DropRequest], claims: ExitStack, attempts: Attempts
) -> _Submissions:
    submissions = _Submissions({}, {})
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
    drops: list[DropRequest], submissions: _Submissions, stage: Stage, error: BaseException
) -> None:
    """End the submissions that the stage did not finish, each with its own fault; the others go on.

    Where none has a fault, the database failed, which concerns all of them.
    """
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


def _answers(
    settings: Settings, workspaces: list[Path], label: str, conductor: Conductor
) -> list[SubmissionResult]:
    waits = settings.retries.database
    results = conductor.take_step(f"answer {label}", waits, answer_all, settings.directory, workspaces)
    if isinstance(results, BaseException):
        sentence = unanswered_sentence(str(results))
        return [interrupted(f"{root.parent.name}/{root.name}", sentence) for root in workspaces]
    return results


def _place_drops(drops: list[DropRequest], results: Sequence[SubmissionResult], settings: Settings) -> None:
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


def _sealed(settings: Settings, results: list[SubmissionResult], conductor: Conductor) -> RunResult:
    """Seal the journal. A failure does not change how the drops ended; it is a fault of the run."""
    waits = settings.retries.database
    error = conductor.take_step("seal the journal", waits, seal_journal, settings.directory)
    if error is None:
        return RunResult(results)
    raise_alarms(settings, integrity_alarms("the journal", error, now()))
    code = error.exit_code if isinstance(error, PreservationError) else 1
    return RunResult(results, f"The journal was not sealed: {error}", code)
