"""Attending to the inboxes: what is complete is taken, and Prefect is asked for the runs that preserve it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import httpx

from flows.alarms import alarm as alarms
from flows.alarms.alarms import raise_alarm
from flows.inboxes.alarms import given_up
from flows.inboxes.queue.dispatch import Batch, Dispatcher, GivenUp, Plan, UnderWay
from flows.inboxes.queue.knock import listen
from flows.inboxes.queue.takes import TakeId
from flows.inboxes.service import InboxService
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.jobs.missed import MissedJobs
from flows.orchestration.run_requests import AskedRun, Runs, open_runs
from flows.orchestration.server import PrefectApi
from flows.service.alarm_watch import AlarmWatch
from flows.submission.drop import label_of
from preservation.backoff import Backoff
from preservation.errors import PreservationError

_LOOK_SECONDS: Final = 2.0
"""So often it is asked which runs have ended, while something waits for one."""

_LONGEST_PAUSE: Final = 30.0
"""So often it is looked at the takes while nothing is under way: others may have changed them."""


def run_dispatch_loop(
    settings: Settings, api: PrefectApi, stopped: threading.Event, say: Callable[[str], None]
) -> None:
    """Watch the inboxes and have what is taken preserved, until ``stopped``; ``say`` tells operators.

    Where Prefect or an area is away, drops are taken and wait until it is back. Raises what ended the
    watching, should it end by itself: who only gives takes to runs would look alive, and take nothing.
    """
    wake = threading.Event()
    watching = InboxService(settings, lambda _: wake.set())
    # Not waited for: what it is just sending stays in the outbox until it is known to have arrived.
    threading.Thread(target=AlarmWatch(settings).run, args=(stopped,), name="alarms", daemon=True).start()
    missing = MissedJobs(settings, api)
    threading.Thread(target=missing.run, args=(stopped,), name="jobs", daemon=True).start()
    knocks = (settings, wake.set, stopped)
    threading.Thread(target=listen, args=knocks, name="knocks", daemon=True).start()
    with ThreadPoolExecutor(1, "watching") as threads:
        watched = threads.submit(watching.run, stopped)
        watched.add_done_callback(lambda _: wake.set())
        try:
            with open_runs(settings, api) as runs:
                _DispatchLoop(settings, runs, say).go_on(watched, wake)
        finally:
            stopped.set()
        watched.result()


class _DispatchLoop:
    """Gives takes to runs, and tells operators once of what needs them."""

    def __init__(self, settings: Settings, runs: Runs, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._runs = runs
        self._say = say
        self._dispatcher = Dispatcher(settings, self._under_way, self._submit)
        self._told: set[tuple[TakeId, datetime]] = set()
        self._trouble = ""
        self._late: set[UUID] = set()
        self._runs_go_on = False

    def go_on(self, watched: Future[None], wake: threading.Event) -> None:
        """Give takes to runs for as long as the inboxes are watched; ``wake`` says that there may be more."""
        backoff = Backoff(2 * _LOOK_SECONDS, _LONGEST_PAUSE)
        while not watched.done():
            plan = self._dispatch()
            if plan is not None:
                backoff.reset()
            if wake.wait(backoff.pause() if plan is None else self._pause_after(plan, now())):
                wake.clear()

    def _pause_after(self, plan: Plan, at: datetime) -> float:
        """Return for how many seconds nothing can have changed that nobody would wake us for."""
        if plan.batches or self._runs_go_on:
            return _LOOK_SECONDS
        if plan.again is None:
            return _LONGEST_PAUSE
        return min(max((plan.again - at).total_seconds(), _LOOK_SECONDS), _LONGEST_PAUSE)

    def _dispatch(self) -> Plan | None:
        """Ask for the runs that there can be now; ``None`` where something stood in the way."""
        self._runs_go_on = False
        try:
            plan = self._dispatcher.dispatch()
        except (httpx.HTTPError, OSError, ValueError, PreservationError) as error:
            self._say_once(f"drops wait to be given to a run: {type(error).__name__}: {error}")
            return None
        if self._trouble:
            self._say_once("")
            self._say("drops are given to runs again")
        for one in plan.given_up:
            self._alarm_of(one)
        return plan

    def _alarm_of(self, one: GivenUp) -> None:
        if (one.take.id, one.since) not in self._told:
            self._told.add((one.take.id, one.since))
            self._say(f"ALARM: {one.sentence}")
            raise_alarm(self._settings, given_up(one.take, one.sentence, now(), one.since))

    def _alarm_of_late(self, runs: Sequence[AskedRun]) -> None:
        """Tell of runs that do not end: what they have in hand is given to no other."""
        at = now()
        patience = timedelta(hours=self._settings.alarms.waiting_hours)
        late = [run for run in runs if at - run.asked_at > patience]
        for run in late:
            if run.identifier not in self._late:
                alarm = _does_not_end(run, at)
                self._say(f"ALARM: {alarm.about}: {alarm.happened}")
                raise_alarm(self._settings, alarm)
        self._late = {run.identifier for run in late}

    def _say_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._say(trouble)
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
        next_step="See in the Prefect UI that a worker runs; cancel the run where it does nothing any more.",
        key=str(run.identifier),
    )
