"""The end of a job: a state with a plain name, and a table of what was done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State, StateType

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarms
from flows.installation.disk_faults import translated_faults
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
class JobResult:
    """The result of a job: ``name`` is the state's, ``sentence`` sums up, ``rows`` are each thing done.

    ``good`` means that the operator need not look. ``markdown`` is shown in place of the rows, where given.
    """

    name: str
    sentence: str
    rows: Sequence[dict[str, str]]
    good: bool = True
    markdown: str = ""


Rows: TypeAlias = list[dict[str, str]]
"""Each thing that a job has done, for its table."""


def run_job(
    label: str, directory: str, work: Callable[[Settings], JobResult], rows_so_far: Callable[[], Rows] = list
) -> State[str]:
    """Do the work for the installation and return the state in which its run ends.

    ``label`` names the table of what was done; ``rows_so_far`` returns its rows where the work failed midway.
    No ``PreservationError`` is raised; a retryable one is tried again as ``[retries] database`` says.
    """
    try:
        settings = load_settings(Path(directory))
        result = _tried(work, settings, label)
    except PreservationError as error:
        LOG.error("%s: %s", label, error)
        not_done = _not_done(error)
        if rows := rows_so_far():
            _publish(label, JobResult(not_done.name or "", str(error), rows, good=False))
        return not_done
    _publish(label, result)
    kind = StateType.COMPLETED if result.good else StateType.FAILED
    return State(type=kind, name=result.name, message=result.sentence, data=result.sentence)


def with_dry_run(name: str, *, dry_run: bool) -> str:
    """Return the name of a state or a run; that of a dry run says so."""
    return f"{name} (dry run)" if dry_run else name


def _tried(work: Callable[[Settings], JobResult], settings: Settings, label: str) -> JobResult:
    waits = list(settings.retries.database)
    while True:
        try:
            with translated_faults(settings):
                return work(settings)
        except PreservationError as error:
            raise_alarms(settings, integrity_alarms(label, error, now()))
            if not waits or not error.retryable:
                raise
            wait = waits.pop(0)
            LOG.warning("%s: %s; it is tried again in %.0f s", label, error, wait)
            time.sleep(wait)


def _not_done(error: PreservationError) -> State[str]:
    match error:
        case ConfigurationError() | NotFoundError() | AlreadyExistsError():
            kind, name = StateType.FAILED, "Refused"
        case IntegrityError():
            kind, name = StateType.FAILED, "Damaged"
        case _:
            kind, name = StateType.CRASHED, "Interrupted"
    return State(type=kind, name=name, message=str(error), data=str(error))


def _publish(label: str, result: JobResult) -> None:
    """Show the table in Prefect's UI; a failure to do so does not change how the job ended."""
    key = label.replace(" ", "-")
    rows = list(result.rows[:_MOST_ROWS])
    if len(result.rows) > _MOST_ROWS:
        rows.append({"what": f"and {len(result.rows) - _MOST_ROWS:,} more: the log has all of them"})
    try:
        if result.markdown:
            create_markdown_artifact(key=key, markdown=result.markdown, description=result.sentence)
        else:
            create_table_artifact(key=key, table=rows, description=result.sentence)
    except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors
        LOG.warning("Prefect does not accept the table of what was done (%s)", type(error).__name__)
