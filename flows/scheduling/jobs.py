"""The jobs that a schedule starts, and which of them the settings want when."""

from __future__ import annotations

from enum import StrEnum

from flows.scheduling.times import Schedule
from flows.settings import Settings


class Job(StrEnum):
    """A job, called as its deployment is in Prefect: flow and deployment."""

    CLEAR = "clear/accepted"
    VERIFY_JOURNAL = "verify/journal"


def schedules_of(settings: Settings) -> dict[Job, Schedule]:
    """Return when each job is to run that is to run by itself."""
    configured = settings.schedules
    crons = {Job.CLEAR: configured.clear, Job.VERIFY_JOURNAL: configured.verify_journal}
    return {job: Schedule(cron, configured.timezone) for job, cron in crons.items() if cron}
