"""The service's part: it looks which jobs did not run when they should have, and raises the alarm."""

from __future__ import annotations

import threading
from typing import Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import temporary_settings

from flows.alarms.overdue import OverdueJob, ScheduledJob, did_not_run, overdue
from flows.alarms.raising import raise_alarm
from flows.log import LOG
from flows.orchestration.client import client_settings
from flows.scheduling.jobs import Job, schedules_of
from flows.scheduling.records import forget_schedule, record_of, scheduled_since
from flows.scheduling.registering import SLUG
from flows.serving import PrefectApi
from flows.settings import Settings
from flows.wiring import now

_LOOK_SECONDS: Final = 300.0


class MissingRuns:
    """Looks every few minutes, for a thread of its own: a Prefect that is silent holds up no drop."""

    def __init__(self, settings: Settings, api: PrefectApi) -> None:
        self._settings = settings
        self._api = api
        self._told: set[tuple[Job, str]] = set()
        self._trouble = ""

    def run(self, stopped: threading.Event) -> None:
        """Go on until ``stopped``. What ails it is told, not raised."""
        while not stopped.is_set():
            try:
                self.look()
                self._trouble = ""
            except Exception as error:  # noqa: BLE001  who tells of faults must outlive all of them
                self._tell_once(f"whether jobs ran is looked for later: {type(error).__name__}: {error}")
            stopped.wait(_LOOK_SECONDS)

    def look(self) -> None:
        """Raise an alarm for each job whose time went by without it. Raises ``OSError``."""
        at = now()
        schedules = schedules_of(self._settings)
        for job in Job:
            if job not in schedules:
                forget_schedule(job, self._settings)
                continue
            since = scheduled_since(job, schedules[job], at, self._settings)
            record = record_of(job, self._settings)
            missed = overdue(ScheduledJob(job, schedules[job], since, record), at)
            if missed is not None and (job, missed.due.isoformat()) not in self._told:
                alarm = did_not_run(missed, self._hindrance(missed), at)
                if not raise_alarm(self._settings, alarm):
                    # Without a channel it is a line in the log, once.
                    self._told.add((job, missed.due.isoformat()))

    def _hindrance(self, missed: OverdueJob) -> str:
        """Say what of Prefect's stands in the way, where anything does."""
        try:
            with (
                temporary_settings(client_settings(self._api)),
                get_client(sync_client=True) as client,
            ):
                return _paused(missed.name, client)
        except ObjectNotFound:
            return "Prefect does not know it: a worker registers it when it starts."
        except httpx.HTTPError as error:
            return f"Prefect at {self._api.url} does not answer ({type(error).__name__})."

    def _tell_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            LOG.warning("%s", trouble)
        self._trouble = trouble


def _paused(job: Job, client: SyncPrefectClient) -> str:
    deployment = client.read_deployment_by_name(job)
    ours = [one for one in deployment.schedules if one.slug == SLUG]
    if not ours:
        return "It has no schedule in Prefect: a worker makes it when it starts."
    if deployment.paused or not any(one.active for one in ours):
        return "Somebody paused it in the Prefect UI."
    if deployment.work_pool_name and client.read_work_pool(deployment.work_pool_name).is_paused:
        return f"Somebody paused the work pool {deployment.work_pool_name} in the Prefect UI."
    return ""
