"""The jobs that a schedule starts, and which of them the settings want when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from flows.installation.log import LOG
from flows.installation.schedule import Schedule
from flows.installation.settings import Settings
from flows.installation.wiring import now
from preservation.errors import IntegrityError, PreservationError
from preservation.records import Records

CLOCKS_APART: Final = timedelta(hours=1)
"""Clocks of machines may differ by so much; what was noted later than that from now, by a clock set wrong."""

_Noted = TypeVar("_Noted")


class JobRecord(msgspec.Struct, frozen=True):
    """The last run of a job began at ``began``, and the last that did its work had done it at ``ended``.

    ``fault`` says why the last one failed; it is empty while that goes on, and where it was killed.
    """

    began: datetime | None = None
    ended: datetime | None = None
    fault: str = ""

    @property
    def moments(self) -> tuple[datetime, ...]:
        """All times in it."""
        return tuple(moment for moment in (self.began, self.ended) if moment is not None)


class ScheduledSince(msgspec.Struct, frozen=True):
    """The job has ``schedule`` since ``since``: what would have been before is not missed."""

    schedule: Schedule
    since: datetime


@contextmanager
def job_noted(job: Job, settings: Settings) -> Iterator[Callable[[str], None]]:
    """Note durably that the job runs, and how that ended. Where that cannot be written, it runs anyhow.

    Gives what is called with a sentence where the job ended without having done its work.
    """
    try:
        before = record_of(job, settings)
    except OSError:
        before = JobRecord()
    began = now()
    _note_run(job, JobRecord(began, before.ended), settings)
    undone: list[str] = []
    try:
        yield undone.append
    except BaseException as error:
        fault = (
            str(error) if isinstance(error, PreservationError) else f"it was ended ({type(error).__name__})"
        )
        _note_run(job, JobRecord(began, before.ended, fault), settings)
        raise
    if undone:
        _note_run(job, JobRecord(began, before.ended, " ".join(undone)), settings)
    else:
        _note_run(job, JobRecord(began, now()), settings)


def record_of(job: Job, settings: Settings) -> JobRecord:
    """Return what is noted of the job's runs; nothing where there is none. Raises ``OSError``."""
    return _read(_runs(job, settings), JobRecord) or JobRecord()


def scheduled_since(job: Job, schedule: Schedule, at: datetime, settings: Settings) -> datetime:
    """Return since when the job has this schedule: since now, where it had another or none.

    What lies in the future was noted before the clock was set back, and is forgotten: nothing of that time
    can be told to have been missed. Raises ``OSError``.
    """
    noted = _read(_schedule(job, settings), ScheduledSince)
    ahead = at + CLOCKS_APART
    if any(moment > ahead for moment in record_of(job, settings).moments):
        _runs(job, settings).unlink(missing_ok=True)
    elif noted is not None and noted.schedule == schedule and noted.since <= ahead:
        return noted.since
    _write(_schedule(job, settings), ScheduledSince(schedule, at))
    return at


def forget_schedule(job: Job, settings: Settings) -> None:
    """Forget the schedule of a job that has none any more. Raises ``OSError``."""
    _schedule(job, settings).unlink(missing_ok=True)


def _note_run(job: Job, record: JobRecord, settings: Settings) -> None:
    try:
        _write(_runs(job, settings), record)
    except OSError as error:
        LOG.warning("%s: when it ran cannot be written down (%s)", job, error.strerror or error)


def _runs(job: Job, settings: Settings) -> Path:
    return settings.state / "jobs" / f"{job.replace('/', '-')}.json"


def _schedule(job: Job, settings: Settings) -> Path:
    return _runs(job, settings).with_suffix(".schedule.json")


def _read(file: Path, of: type[_Noted]) -> _Noted | None:
    try:
        return next(iter(Records(file, of)), None)
    except FileNotFoundError:
        return None
    except IntegrityError as error:
        LOG.warning("%s: it counts as not written: %s", file, error)
        return None


def _write(file: Path, noted: JobRecord | ScheduledSince) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Records(file, type(noted)).write([noted])


class Job(StrEnum):
    """A job, called as its deployment is in Prefect: flow and deployment."""

    CLEAR = "clear/accepted"
    VERIFY_JOURNAL = "verify/journal"


def schedules_of(settings: Settings) -> dict[Job, Schedule]:
    """Return when each job is to run that is to run by itself."""
    configured = settings.schedules
    crons = {Job.CLEAR: configured.clear, Job.VERIFY_JOURNAL: configured.verify_journal}
    return {job: Schedule(cron, configured.timezone) for job, cron in crons.items() if cron}
