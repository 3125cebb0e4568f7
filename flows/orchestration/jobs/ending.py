"""How a job ends: in a state with a name that people understand, with a table of what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State, StateType

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import broken_promises
from flows.installation.disk_faults import faults_told
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from preservation.errors import (
    AlreadyExistsError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    PreservationError,
)

_MOST_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """A job did its work: ``name`` is the state's, ``sentence`` sums up, ``rows`` are each thing done.

    ``good`` says that nobody need look.
    """

    name: str
    sentence: str
    rows: Sequence[dict[str, str]]
    good: bool = True


Rows: TypeAlias = list[dict[str, str]]
"""Each thing that a job has done, for its table."""


def run_job(
    label: str, directory: str, work: Callable[[Settings], Ended], rows_so_far: Callable[[], Rows] = list
) -> State[str]:
    """Do the work for the installation and return the state that its run ends in. Raises no fault of ours.

    What says of itself that it may succeed later is tried again as ``[retries] database`` says. ``label``
    names the table of what was done; ``rows_so_far`` are for it where the work could not be ended.
    """
    try:
        settings = load_settings(Path(directory))
        ended = _tried(work, settings, label)
    except PreservationError as error:
        LOG.error("%s: %s", label, error)
        not_done = _not_done(error)
        if rows := rows_so_far():
            _publish(label, Ended(not_done.name or "", str(error), rows, good=False))
        return not_done
    _publish(label, ended)
    kind = StateType.COMPLETED if ended.good else StateType.FAILED
    return State(type=kind, name=ended.name, message=ended.sentence, data=ended.sentence)


def named(name: str, *, dry_run: bool) -> str:
    """Return the name of a state, or of a run, with what it was."""
    return f"{name} (dry run)" if dry_run else name


def _tried(work: Callable[[Settings], Ended], settings: Settings, label: str) -> Ended:
    for wait in settings.retries.database:
        try:
            return _done(work, settings, label)
        except PreservationError as error:
            if not error.retryable:
                raise
            LOG.warning("%s: %s; it is tried again in %.0f s", label, error, wait)
            time.sleep(wait)
    return _done(work, settings, label)


def _done(work: Callable[[Settings], Ended], settings: Settings, label: str) -> Ended:
    try:
        with faults_told(settings):
            return work(settings)
    except IntegrityError as error:
        raise_alarms(settings, broken_promises(label, error, now()))
        raise


def _not_done(error: PreservationError) -> State[str]:
    match error:
        case ConfigurationError() | NotFoundError() | AlreadyExistsError():
            kind, name = StateType.FAILED, "Refused"
        case IntegrityError():
            kind, name = StateType.FAILED, "Damaged"
        case _:
            kind, name = StateType.CRASHED, "Interrupted"
    return State(type=kind, name=name, message=str(error), data=str(error))


def _publish(label: str, ended: Ended) -> None:
    """Show the table in Prefect's UI; how the job ended does not hang on that."""
    rows = list(ended.rows[:_MOST_ROWS])
    if len(ended.rows) > _MOST_ROWS:
        rows.append({"what": f"and {len(ended.rows) - _MOST_ROWS:,} more: the log has all of them"})
    try:
        create_table_artifact(key=label.replace(" ", "-"), table=rows, description=ended.sentence)
    except Exception as error:  # noqa: BLE001  Prefect's API gone midway has many faces
        LOG.warning("Prefect does not take the table of what was done (%s)", type(error).__name__)
