"""Which scheduled jobs did not run: a pure question over when each of them ran last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm

JobName = NewType("JobName", str)
"""What people call a scheduled job: ``audit of maps``."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job that is to run once in ``every``; it may be late by ``grace``. It was scheduled at ``since``."""

    name: JobName
    every: timedelta
    grace: timedelta
    since: datetime


@dataclass(frozen=True, slots=True)
class OverdueJob:
    """A job that should have run at ``due``. ``last`` is when it ran, ``None`` where it never did."""

    name: JobName
    due: datetime
    last: datetime | None


def overdue(
    jobs: Iterable[ScheduledJob], last_runs: Mapping[JobName, datetime], at: datetime
) -> Iterator[OverdueJob]:
    """Give the jobs whose time was over before ``at``, in the order of ``jobs``."""
    for job in jobs:
        last = last_runs.get(job.name)
        due = max(job.since, last or job.since) + job.every
        if due + job.grace < at:
            yield OverdueJob(job.name, due, last)


def did_not_run(job: OverdueJob, at: datetime) -> Alarm:
    """Return the alarm for it: one for each time that it did not run."""
    last = "It never ran." if job.last is None else f"It ran last at {job.last:%Y-%m-%d %H:%M} UTC."
    return new_alarm(
        AlarmKind.DID_NOT_RUN,
        job.name,
        at,
        happened=f"It should have run at {job.due:%Y-%m-%d %H:%M} UTC, and did not. {last}",
        next_step="See that the service and a worker run, and that nobody paused it in the Prefect UI.",
        key=f"{job.name} {job.due.isoformat()}",
    )
