"""The record of each job on disk: since when it has its schedule, when it ran last, and with what result.

A flow run and the command record the run of a job; the service records its schedule.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.schedule import Schedule
from flows.installation.settings import Settings
from flows.installation.wiring import now
from preservation.errors import IntegrityError, PreservationError
from preservation.records import Records

CLOCKS_APART: Final = timedelta(hours=1)
"""The clocks of two machines may differ by so much; a later time comes from a wrong clock."""

_Record = TypeVar("_Record")


class JobRecord(msgspec.Struct, frozen=True):
    """The last run of a job began at ``began``; the last successful run ended at ``ended``.

    ``fault`` says why the last run failed; it is empty while the run lasts, and after a kill.
    """

    began: datetime | None = None
    ended: datetime | None = None
    fault: str = ""

    @property
    def moments(self) -> tuple[datetime, ...]:
        """All times in it."""
        return tuple(moment for moment in (self.began, self.ended) if moment is not None)


class ScheduledSince(msgspec.Struct, frozen=True):
    """The job has ``schedule`` since ``since``; earlier times do not count as missed."""

    schedule: Schedule
    since: datetime


@contextmanager
def recorded_run(job: Job, settings: Settings) -> Iterator[Callable[[str], None]]:
    """Record durably that the job runs, and how it ended. A job runs even where that cannot be written.

    Yields a function; calling it with a sentence makes the run count as failed.
    """
    try:
        before = record_of(job, settings)
    except OSError:
        before = JobRecord()
    began = now()
    _record_run(job, JobRecord(began, before.ended), settings)
    failures: list[str] = []
    try:
        yield failures.append
    except BaseException as error:
        fault = (
            str(error) if isinstance(error, PreservationError) else f"it was ended ({type(error).__name__})"
        )
        _record_run(job, JobRecord(began, before.ended, fault), settings)
        raise
    if failures:
        _record_run(job, JobRecord(began, before.ended, " ".join(failures)), settings)
    else:
        _record_run(job, JobRecord(began, now()), settings)


def record_of(job: Job, settings: Settings) -> JobRecord:
    """Return the record of the job's runs, empty where there is none. Raises ``OSError``."""
    return _read(_runs(job, settings), JobRecord) or JobRecord()


def scheduled_since(job: Job, schedule: Schedule, at: datetime, settings: Settings) -> datetime:
    """Return since when the job has this schedule: since now, where it had another or none.

    A time in the future was recorded before the clock was set back and is forgotten: runs of that time
    cannot count as missed. Raises ``OSError``.
    """
    recorded = recorded_schedule(job, settings)
    ahead = at + CLOCKS_APART
    if any(moment > ahead for moment in record_of(job, settings).moments):
        _runs(job, settings).unlink(missing_ok=True)
    elif recorded is not None and recorded.schedule == schedule and recorded.since <= ahead:
        return recorded.since
    _write(_schedule(job, settings), ScheduledSince(schedule, at))
    return at


def recorded_schedule(job: Job, settings: Settings) -> ScheduledSince | None:
    """Return the schedule that the service last saw, ``None`` where it saw none. Raises ``OSError``."""
    return _read(_schedule(job, settings), ScheduledSince)


def forget_schedule(job: Job, settings: Settings) -> None:
    """Forget the schedule of a job that no longer has one. Raises ``OSError``."""
    _schedule(job, settings).unlink(missing_ok=True)


def _record_run(job: Job, record: JobRecord, settings: Settings) -> None:
    try:
        _write(_runs(job, settings), record)
    except OSError as error:
        LOG.warning("%s: its run cannot be recorded (%s)", job, error.strerror or error)


def _runs(job: Job, settings: Settings) -> Path:
    return settings.state / "jobs" / f"{job.replace(' ', '-')}.json"


def _schedule(job: Job, settings: Settings) -> Path:
    return _runs(job, settings).with_suffix(".schedule.json")


def _read(file: Path, of: type[_Record]) -> _Record | None:
    try:
        return next(iter(Records(file, of)), None)
    except FileNotFoundError:
        return None
    except IntegrityError as error:
        LOG.warning("%s: it is ignored: %s", file, error)
        return None


def _write(file: Path, record: JobRecord | ScheduledSince) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Records(file, type(record)).write([record])


def schedules_of(settings: Settings) -> dict[Job, Schedule]:
    """Return the schedule of each job that has one."""
    crons = {job: str(getattr(settings.schedules, job.setting, "")) for job in Job}
    return {job: Schedule(cron, settings.schedules.timezone) for job, cron in crons.items() if cron}
