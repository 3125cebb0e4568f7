"""The steps of a run: identifiers and paths go in, small values come out; never bytes or a store."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarms
from flows.archive.journal_seal import seal
from flows.installation.disk_faults import machine_fault, translated_faults
from flows.installation.log import LOG
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, now, open_installation
from flows.submission.answer import SubmissionResult, answer
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage, interrupt
from flows.submission.workspace import Workspace
from preservation.errors import PreservationError, StorageError, fault_of
from preservation.model.events import Event


def may_succeed_later(error: object) -> bool:
    """Return whether a step that ended with ``error`` may succeed when it is taken again."""
    return isinstance(error, PreservationError) and error.retryable


def run_stage(directory: Path, workspaces: list[Path], stage: str) -> None:
    """Run one stage for every submission; the error of one does not stop the others.

    Each error is recorded in its workspace. After all submissions, the first retryable error is raised, or
    else the first one; submissions that are done are skipped when the step is taken again.
    """
    errors: list[Exception] = []
    submissions = [Workspace(root) for root in workspaces]
    drops = tuple(chain.from_iterable(map(_places_of, submissions)))
    with open_installation(load_settings(directory), drops) as installation:
        events: list[Event] = []
        for workspace in submissions:
            try:
                events += _run_one(STAGES[stage], workspace, installation)
            except Exception as error:  # noqa: BLE001  the fault of one drop must not stop the others
                # On a full disk the record is missing; the error is raised all the same.
                with suppress(OSError):
                    workspace.fault.write([fault_of(error)])
                errors.append(error)
        installation.journal.append(events)
    if errors:
        raise next(filter(may_succeed_later, errors), errors[0])


def answer_all(directory: Path, workspaces: list[Path]) -> list[SubmissionResult]:
    """Write the receipts, and record in the catalogue how each submission ended."""
    settings = load_settings(directory)
    with open_installation(settings) as installation:
        return answer([Workspace(root) for root in workspaces], installation)


def seal_journal(directory: Path) -> None:
    """Sign the journal and give every store what it lacks of it."""
    settings = load_settings(directory)
    with open_installation(settings) as installation, translated_faults(settings):
        seal(installation)


def _places_of(workspace: Workspace) -> Iterator[Path]:
    """Give where the files of a submission lie: its drop, and where an archive is unpacked."""
    yield workspace.root
    # A record that is damaged is a matter of its own submission: its stage raises it again.
    with suppress(PreservationError, OSError):
        yield workspace.submission.drop


def _run_one(stage: Stage, workspace: Workspace, installation: Installation) -> tuple[Event, ...]:
    """Run one stage for one submission.

    Raises retryable errors, and ``StorageError`` where the end of the submission could not be written.
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
        raise_alarms(installation.settings, integrity_alarms(about, error, now()))
    except OSError as error:
        reason = str(machine_fault(error, installation.settings))
        LOG.warning("%s: %s: %s", workspace.submission.object, stage.name, reason)
    except Exception as error:  # noqa: BLE001  a fault of ours must not stop the other submissions
        LOG.exception("%s: %s: unexpected %s", workspace.submission.object, stage.name, type(error).__name__)
        reason = fault_of(error)
    try:
        interrupt(workspace, reason)
    except Exception as error:
        raise StorageError(reason) from error
    return ()
