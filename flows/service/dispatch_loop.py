"""The dispatch loop: takes what is complete in the inboxes and asks Prefect for runs that preserve it."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import httpx

from flows.alarms import alarm as alarms
from flows.alarms.alarms import outbox_of, raise_alarm
from flows.inboxes.alarms import given_up
from flows.inboxes.queue.dispatch import Batch, Dispatcher, GivenUp, Plan, UnderWay
from flows.inboxes.queue.takes import TakeId
from flows.inboxes.service import InboxService
from flows.installation.bell import take_bell
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.environment import PrefectApi
from flows.orchestration.jobs.missed import MissedJobs
from flows.orchestration.run_requests import AskedRun, Runs, open_runs
from flows.service.alarm_watch import AlarmWatch
from flows.submission.drop import label_of
from preservation.backoff import Backoff
from preservation.errors import PreservationError

_LOOK_SECONDS: Final = 2.0
"""The pause between looks at the runs while something waits for one."""

_LONGEST_PAUSE: Final = 30.0
"""The pause between looks at the takes while nothing is under way: other processes may have changed them."""


def run_dispatch_loop(
    settings: Settings, api: PrefectApi, stopped: threading.Event, notify: Callable[[str], None]
) -> None:
    """Watch the inboxes and ask for runs for the takes, until ``stopped``; ``notify`` reports to operators.

    Where Prefect or an area is unavailable, drops are taken and wait until it is back. Raises the error that
    ended the watching, if any: a service that only dispatches would look alive and take nothing.
    """
    wake = threading.Event()
    watching = InboxService(settings, lambda _: wake.set())
    # Daemon threads: an alarm that is being sent stays in the outbox until its delivery is known.
    threading.Thread(target=AlarmWatch(settings).run, args=(stopped,), name="alarms", daemon=True).start()
    missing = MissedJobs(settings, api)
    threading.Thread(target=missing.run, args=(stopped,), name="jobs", daemon=True).start()
    listen = take_bell(settings).listen
    threading.Thread(target=listen, args=(wake.set, stopped), name="wake-ups", daemon=True).start()
    with ThreadPoolExecutor(1, "watching") as threads:
        watched = threads.submit(watching.run, stopped)
        watched.add_done_callback(lambda _: wake.set())
        try:
            with open_runs(settings, api) as runs:
                _DispatchLoop(settings, runs, notify).run(watched, wake)
        finally:
            stopped.set()
        watched.result()


class _DispatchLoop:
    """Gives takes to runs, and notifies operators once of each fault."""

    def __init__(self, settings: Settings, runs: Runs, notify: Callable[[str], None]) -> None:
        self._settings = settings
        self._runs = runs
        self._notify = notify
        self._dispatcher = Dispatcher(settings, self._under_way, self._submit)
        self._given_up: set[tuple[TakeId, datetime]] = set()
        self._trouble = ""
        self._late: set[UUID] | None = None
        self._runs_go_on = False

    def run(self, watched: Future[None], wake: threading.Event) -> None:
        """Give takes to runs while the inboxes are watched; ``wake`` is set when there may be more."""
        backoff = Backoff(2 * _LOOK_SECONDS, _LONGEST_PAUSE)
        while not watched.done():
            plan = self._dispatch()
            if plan is not None:
                backoff.reset()
            if wake.wait(backoff.pause() if plan is None else self._pause_after(plan, now())):
                wake.clear()

    def _pause_after(self, plan: Plan, at: datetime) -> float:
        """Return the seconds until something may change without a wake-up."""
        if plan.batches or self._runs_go_on:
            return _LOOK_SECONDS
        if plan.again is None:
            return _LONGEST_PAUSE
        return min(max((plan.again - at).total_seconds(), _LOOK_SECONDS), _LONGEST_PAUSE)

    def _dispatch(self) -> Plan | None:
        """Ask for the runs that are possible now; ``None`` where that failed."""
        self._runs_go_on = False
        try:
            plan = self._dispatcher.dispatch()
        except (httpx.HTTPError, OSError, ValueError, PreservationError) as error:
            self._notify_once(f"drops wait to be given to a run: {type(error).__name__}: {error}")
            return None
        if self._trouble:
            self._notify_once("")
            self._notify("drops are given to runs again")
        for one in plan.given_up:
            self._alarm_of(one)
        return plan

    def _alarm_of(self, one: GivenUp) -> None:
        if (one.take.id, one.since) not in self._given_up:
            self._given_up.add((one.take.id, one.since))
            self._notify(f"ALARM: {one.sentence}")
            raise_alarm(self._settings, given_up(one.take, one.sentence, now(), one.since))

    def _alarm_of_late(self, runs: Sequence[AskedRun]) -> None:
        """Raise an alarm for each run that does not end: no other run gets its takes.

        Those of runs that have ended are closed.
        """
        at = now()
        patience = timedelta(hours=self._settings.alarms.waiting_hours)
        late = [run for run in runs if at - run.asked_at > patience]
        for run in late:
            if run.identifier not in (self._late or ()):
                alarm = _does_not_end(run, at)
                self._notify(f"ALARM: {alarm.about}: {alarm.happened}")
                raise_alarm(self._settings, alarm)
        before, self._late = self._late, {run.identifier for run in late}
        if before != self._late:
            keys = {_does_not_end(run, at).key for run in late}
            outbox_of(self._settings).close(lambda one: alarms.is_about_run(one) and one.key not in keys)

    def _notify_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._notify(trouble)
        self._trouble = trouble

    def _under_way(self) -> list[UnderWay]:
        runs = self._runs.under_way()
        self._runs_go_on = bool(runs)
        self._alarm_of_late(runs)
        return [UnderWay.of(run.drops) for run in runs]

    def _submit(self, batch: Batch) -> None:
        self._runs.ask([take.as_drop for take in batch.takes])


def _does_not_end(run: AskedRun, at: datetime) -> alarms.Alarm:
    return alarms.new_alarm(
        alarms.AlarmKind.WAITING_TOO_LONG,
        label_of(list(run.drops)),
        at,
        happened=f"Its run, asked for at {run.asked_at:%Y-%m-%d %H:%M} UTC, has not ended ({run.state}).",
        next_step="Check in the Prefect UI that a worker runs; cancel the run if it does nothing any more.",
        key=alarms.run_key(run.identifier),
    )
