"""One Prefect task a stage: identifiers and paths go in, small values come out; never bytes or a store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import broken_promises
from flows.installation.disk_faults import faults_told, machine_fault
from flows.installation.log import LOG
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, now, open_installation
from flows.orchestration.retries import as_the_error_says
from flows.submission.answer import SubmissionResult, answer, seal
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage, interrupt
from flows.submission.workspace import Workspace
from preservation.errors import PreservationError, StorageError
from preservation.model.events import Event


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def run_stage(directory: Path, workspaces: list[Path], stage: str) -> None:
    """Run one stage for every submission; what one of them meets does not stop the others.

    Raises the first error after all had their turn, a retryable one where there is any: those that are
    done are skipped when the task is tried again. Each submission with a fault has it written down.
    """
    errors: list[PreservationError] = []
    with open_installation(load_settings(directory)) as installation:
        events: list[Event] = []
        for workspace in map(Workspace, workspaces):
            try:
                events += _run_one(STAGES[stage], workspace, installation)
            except PreservationError as error:
                # Where its disk is full, the fault is told of it all the same, by what is raised.
                with suppress(OSError):
                    workspace.fault.write([str(error)])
                errors.append(error)
        installation.journal.append(events)
    if errors:
        raise next((error for error in errors if error.retryable), errors[0])


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def answer_all(directory: Path, workspaces: list[Path]) -> list[SubmissionResult]:
    """Write the receipts, and note in the catalogue how each submission ended."""
    settings = load_settings(directory)
    with open_installation(settings) as installation, faults_told(settings):
        return answer([Workspace(root) for root in workspaces], installation)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def seal_journal(directory: Path) -> None:
    """Sign the journal and give every store what it lacks of it."""
    settings = load_settings(directory)
    with open_installation(settings) as installation, faults_told(settings):
        seal(installation)


def _run_one(stage: Stage, workspace: Workspace, installation: Installation) -> tuple[Event, ...]:
    """Run one stage for one submission.

    Raises errors that are worth another try, and ``StorageError`` where not even the end of the
    submission could be written down.
    """
    try:
        workspace.fault.path.unlink(missing_ok=True)
        return stage.run(workspace, installation)
    except PreservationError as error:
        LOG.warning("%s: %s: %s", workspace.submission.object, stage.name, error)
        if error.retryable:
            raise
        reason = str(error)
        about = str(workspace.submission.object)
        raise_alarms(installation.settings, broken_promises(about, error, now()))
    except OSError as error:
        reason = str(machine_fault(error, installation.settings))
        LOG.warning("%s: %s: %s", workspace.submission.object, stage.name, reason)
    except Exception as error:  # noqa: BLE001  a fault of ours must not take the other submissions with it
        LOG.exception("%s: %s: unexpected %s", workspace.submission.object, stage.name, type(error).__name__)
        reason = f"an unexpected {type(error).__name__} in Muniment itself: {error}"
    try:
        interrupt(workspace, reason)
    except OSError as error:
        raise StorageError(reason) from error
    return ()
