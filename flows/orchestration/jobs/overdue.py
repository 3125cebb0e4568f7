"""Which scheduled jobs did not run: a pure question over when each of them ran last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.installation.jobs import CLOCKS_APART, Job, JobRecord
from flows.installation.schedule import Schedule

GRACE: Final = timedelta(hours=1)
"""A job may be so late: a worker may have been busy."""

LONGEST_RUN: Final = timedelta(hours=24)
"""A run that goes on for longer is told; it may have been killed."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job that has ``schedule`` since ``since``, and how it ran last."""

    name: Job
    schedule: Schedule
    since: datetime
    record: JobRecord


@dataclass(frozen=True, slots=True)
class OverdueJob:
    """A job that should have done its work at ``due``, and how it ran last."""

    name: Job
    due: datetime
    record: JobRecord


def overdue(job: ScheduledJob, at: datetime) -> OverdueJob | None:
    """Return the last of the job's times that went by without it; ``None`` where there is none.

    A run shortly before its time counts too: clocks of machines differ, and in the night in which clocks are
    put forward Prefect is early by an hour. While a run goes on, it has its time.
    """
    due = job.schedule.latest(at - GRACE)
    record = job.record
    enough = due - CLOCKS_APART
    if due <= job.since or (record.ended is not None and record.ended >= enough):
        return None
    began = record.began
    if began is not None and began >= enough and not record.fault and at - began <= LONGEST_RUN:
        return None
    return OverdueJob(job.name, due, record)


def did_not_run(job: OverdueJob, hindrance: str, at: datetime) -> Alarm:
    """Return the alarm for it: one for each time that it did not run.

    ``hindrance`` says what of Prefect's stood in the way, in a sentence, where it is known.
    """
    record = job.record
    happened = f"It should have run at {_moment(job.due)}, and did not."
    if record.began is not None and record.began >= job.due - CLOCKS_APART:
        fault = f"failed: {record.fault}" if record.fault else "has not ended"
        happened = f"It was to run at {_moment(job.due)}. Its run of {_moment(record.began)} {fault}."
    last = (
        "It never did its work."
        if record.ended is None
        else f"It did its work last at {_moment(record.ended)}."
    )
    return new_alarm(
        AlarmKind.DID_NOT_RUN,
        job.name,
        at,
        happened=" ".join(filter(None, (happened, hindrance, last))),
        next_step=(
            f"See its runs in the Prefect UI (Deployments, {job.name}), resume it there where it is paused, "
            "and see that a worker runs. Where it is not wanted any more, empty it in [schedules] of "
            "muniment.toml."
        ),
        key=f"{job.name} {job.due.isoformat()}",
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
