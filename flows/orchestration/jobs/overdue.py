"""Which scheduled jobs did not run, by when each of them ran last."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.installation.job_records import (
    CLOCKS_APART,
    JobRecord,
    record_of,
    recorded_schedule,
    schedules_of,
)
from flows.installation.jobs import Job
from flows.installation.schedule import Schedule
from flows.installation.settings import Settings

GRACE: Final = timedelta(hours=1)
"""A job may be late by so much: a worker may have been busy."""

LONGEST_RUN: Final = timedelta(hours=24)
"""A run that lasts longer raises the alarm; it may have been killed."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job that has ``schedule`` since ``since``, and how it ran last."""

    name: Job
    schedule: Schedule
    since: datetime
    record: JobRecord


def overdue(job: ScheduledJob, at: datetime) -> datetime | None:
    """Return the last time that the job missed; ``None`` where there is none.

    A run shortly before its time counts too: clocks of machines differ, and in the night in which clocks are
    put forward Prefect is early by an hour. A run that has not ended counts for its time.
    """
    due = job.schedule.latest(at - GRACE)
    record = job.record
    enough = due - CLOCKS_APART
    if due <= job.since or (record.ended is not None and record.ended >= enough):
        return None
    began = record.began
    if began is not None and began >= enough and not record.fault and at - began <= LONGEST_RUN:
        return None
    return due


def missed_jobs(settings: Settings, at: datetime) -> Iterator[Alarm]:
    """Yield the alarm of each job that missed its time, by what is on record, also where no service runs.

    Of a job whose schedule no service has seen yet, nothing is known. Nothing is written. Raises ``OSError``.
    """
    for job, schedule in schedules_of(settings).items():
        known, record = recorded_schedule(job, settings), record_of(job, settings)
        if known is None or known.schedule != schedule:
            continue
        if any(moment > at + CLOCKS_APART for moment in record.moments):
            # Runs of a time that is yet to come count for none: the clock was set back.
            record = JobRecord()
        scheduled = ScheduledJob(job, schedule, known.since, record)
        if (due := overdue(scheduled, at)) is not None:
            yield did_not_run(scheduled, due, "", at)


def did_not_run(job: ScheduledJob, due: datetime, hindrance: str, at: datetime) -> Alarm:
    """Return the alarm that the job missed the time ``due``: one for each such time.

    ``hindrance`` is a sentence about what in Prefect prevented it, if known.
    """
    record = job.record
    happened = f"It should have run at {_moment(due)}, and did not."
    if record.began is not None and record.began >= due - CLOCKS_APART:
        fault = f"failed: {record.fault}" if record.fault else "has not ended"
        happened = f"It was to run at {_moment(due)}. Its run of {_moment(record.began)} {fault}."
    last = (
        "It never ran successfully."
        if record.ended is None
        else f"It last ran successfully at {_moment(record.ended)}."
    )
    return new_alarm(
        AlarmKind.DID_NOT_RUN,
        job.name,
        at,
        happened=" ".join(filter(None, (happened, hindrance, last))),
        next_step=(
            f"Look at its runs in the Prefect UI (Deployments, {job.name}), resume it there if it is paused, "
            "and check that a worker runs. If it is not wanted any more, empty it in [schedules] of "
            "muniment.toml."
        ),
        key=f"{job.name} {due.isoformat()}",
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
