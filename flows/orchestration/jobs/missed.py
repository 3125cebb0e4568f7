"""The service's watch over the jobs: alarms about those that did not run, names for the runs to come."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import temporary_settings

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of, raise_alarm
from flows.installation.job_records import forget_schedule, record_of, scheduled_since, schedules_of
from flows.installation.jobs import Job
from flows.installation.log import repeat
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.client import client_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.jobs.overdue import ScheduledJob, did_not_run, overdue
from flows.orchestration.jobs.upcoming import name_upcoming
from flows.orchestration.schedules import SLUG

_CHECK_SECONDS: Final = 60.0


class MissedJobs:
    """Checks every minute in a thread of its own, so that a silent Prefect delays no drop."""

    def __init__(self, settings: Settings, api: PrefectApi) -> None:
        self._settings = settings
        self._api = api
        self._logged: set[tuple[Job, datetime]] = set()

    def run(self, stopped: threading.Event) -> None:
        """Run until ``stopped``. Errors are logged, each once, not raised."""
        repeat(self._check_and_name, _CHECK_SECONDS, stopped, "whether jobs ran is checked later")

    def _check_and_name(self) -> None:
        self.check()
        # Where Prefect is away, nobody reads the names.
        with suppress(httpx.TransportError), self._client() as client:
            name_upcoming(client)

    def check(self) -> None:
        """Raise an alarm for each job that missed its time; close those of jobs that ran since.

        Raises ``OSError``.
        """
        at = now()
        missed = set()
        schedules = schedules_of(self._settings)
        for job in Job:
            if job not in schedules:
                forget_schedule(job, self._settings)
                continue
            since = scheduled_since(job, schedules[job], at, self._settings)
            record = record_of(job, self._settings)
            scheduled = ScheduledJob(job, schedules[job], since, record)
            due = overdue(scheduled, at)
            if due is None:
                continue
            alarm = did_not_run(scheduled, due, self._hindrance(job), at)
            missed.add(alarm.key)
            if (job, due) not in self._logged and not raise_alarm(self._settings, alarm):
                # Where the outbox cannot be written, it is sent once.
                self._logged.add((job, due))
        outbox_of(self._settings).close(
            lambda one: one.kind is AlarmKind.DID_NOT_RUN and one.key not in missed
        )

    @contextmanager
    def _client(self) -> Iterator[SyncPrefectClient]:
        with temporary_settings(client_settings(self._api)), get_client(sync_client=True) as client:
            yield client

    def _hindrance(self, job: Job) -> str:
        """Return what in Prefect prevents the job, if anything does."""
        try:
            with self._client() as client:
                return _paused(job, client)
        except ObjectNotFound:
            return "Prefect does not know it: a worker registers it when it starts."
        except httpx.HTTPError as error:
            return f"Prefect at {self._api.url} does not answer ({type(error).__name__})."


def _paused(job: Job, client: SyncPrefectClient) -> str:
    deployment = client.read_deployment_by_name(job.full_name)
    ours = [one for one in deployment.schedules if one.slug == SLUG]
    if not ours:
        return "It has no schedule in Prefect: a worker makes it when it starts."
    if deployment.paused or not any(one.active for one in ours):
        return "It is paused in the Prefect UI."
    if deployment.work_pool_name and client.read_work_pool(deployment.work_pool_name).is_paused:
        return f"Its work pool {deployment.work_pool_name} is paused in the Prefect UI."
    return ""
