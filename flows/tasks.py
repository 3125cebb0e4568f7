"""One Prefect task a stage: identifiers and paths go in, small values come out; never bytes or a store."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.answering import Told, answer, seal
from flows.progress import LOG
from flows.retries import DATABASE, LOCAL_WORK, STORES, RetryPolicy, as_the_error_says
from flows.settings import load_settings
from flows.stages.all import STAGES
from flows.stages.stage import Stage, interrupt
from flows.wiring import Installation, open_installation
from flows.workspace import Workspace
from preservation.errors import PreservationError
from preservation.model.events import Event

_RETRIES = {"replicate": STORES, "register": DATABASE}


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def run_stage(directory: Path, workspaces: list[Path], stage: str) -> None:
    """Run one stage for every submission; what one of them meets does not stop the others.

    Raises the first retryable error after all had their turn: those that are done are skipped when the
    task is tried again.
    """
    retryable: list[PreservationError] = []
    with open_installation(load_settings(directory)) as installation:
        events: list[Event] = []
        for root in workspaces:
            try:
                events += _run_one(STAGES[stage], Workspace(root), installation)
            except PreservationError as error:
                Workspace(root).fault.write([str(error)])
                retryable.append(error)
        installation.journal.append(events)
    if retryable:
        raise retryable[0]


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def answer_all(directory: Path, workspaces: list[Path]) -> list[Told]:
    """Write the receipts, and note in the catalogue how each submission ended."""
    with open_installation(load_settings(directory)) as installation:
        return answer([Workspace(root) for root in workspaces], installation)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=as_the_error_says)
def seal_journal(directory: Path) -> None:
    """Sign the journal and give every store what it lacks of it."""
    with open_installation(load_settings(directory)) as installation:
        seal(installation)


def retry_policy_of(stage: str) -> RetryPolicy:
    """Return how often a stage is tried again where an error says that it may help."""
    return _RETRIES.get(stage, LOCAL_WORK)


def _run_one(stage: Stage, workspace: Workspace, installation: Installation) -> tuple[Event, ...]:
    """Run one stage for one submission. Raises only errors that are worth another try."""
    try:
        return stage.run(workspace, installation)
    except PreservationError as error:
        LOG.warning("%s: %s: %s", workspace.submission.object, stage.name, error)
        if error.retryable:
            raise
        interrupt(workspace, str(error))
    except OSError as error:
        LOG.warning("%s: %s: %s", workspace.submission.object, stage.name, error)
        interrupt(workspace, f"this machine could not go on in the stage {stage.name}: {error}")
    except Exception as error:  # noqa: BLE001  a fault of ours must not take the other submissions with it
        LOG.exception("%s: %s: unexpected %s", workspace.submission.object, stage.name, type(error).__name__)
        interrupt(workspace, f"an unexpected {type(error).__name__} in Muniment itself: {error}")
    return ()
