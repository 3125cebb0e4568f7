"""Attending to the inboxes: what is complete is taken, and Prefect is asked for the runs that preserve it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import httpx

from flows.drops import Drop
from flows.progress import LOG
from flows.runs import AskedRun, Runs, open_runs
from flows.serving import PrefectApi
from flows.settings import Settings
from flows.watching.dispatch import Alarm, Batch, Dispatcher, UnderWay
from flows.watching.service import Watching
from flows.watching.taking import TakeId
from preservation.errors import PreservationError
from preservation.model.identifiers import CollectionName

_LOOK_SECONDS: Final = 2.0
"""So often it is asked which runs have ended, while something waits for one."""

_LONGEST_PAUSE: Final = 30.0


def attend(settings: Settings, api: PrefectApi, stopped: threading.Event, say: Callable[[str], None]) -> None:
    """Watch the inboxes and have what is taken preserved, until ``stopped``; ``say`` tells operators.

    Where Prefect or an area is away, drops are taken and wait until it is back.
    """
    wake = threading.Event()
    watching = Watching(settings, lambda _: wake.set())
    watcher = threading.Thread(target=watching.run, args=(stopped,), name="watching")
    watcher.start()
    try:
        with open_runs(settings, api) as runs:
            _Attendance(settings, runs, say).go_on(stopped, wake)
    finally:
        stopped.set()
        watcher.join()


class _Attendance:
    """Gives takes to runs, and tells operators once of what needs them."""

    def __init__(self, settings: Settings, runs: Runs, say: Callable[[str], None]) -> None:
        self._runs = runs
        self._say = say
        self._dispatcher = Dispatcher(settings, self._under_way, self._submit)
        self._told: set[TakeId] = set()
        self._trouble = ""

    def go_on(self, stopped: threading.Event, wake: threading.Event) -> None:
        pause = _LOOK_SECONDS
        while not stopped.is_set():
            pause = _LOOK_SECONDS if self._dispatch() else min(2 * pause, _LONGEST_PAUSE)
            if wake.wait(pause):
                wake.clear()

    def _dispatch(self) -> bool:
        """Ask for the runs that there can be now; say whether nothing stood in the way."""
        try:
            plan = self._dispatcher.dispatch()
        except (httpx.HTTPError, OSError, PreservationError) as error:
            self._say_once(f"drops wait to be given to a run: {type(error).__name__}: {error}")
            return False
        if self._trouble:
            self._say_once("")
            self._say("drops are given to runs again")
        for alarm in plan.alarms:
            self._alarm(alarm)
        return True

    def _alarm(self, alarm: Alarm) -> None:
        if alarm.take.id not in self._told:
            self._told.add(alarm.take.id)
            LOG.error("%s", alarm.sentence)
            self._say(f"ALARM: {alarm.sentence}")

    def _say_once(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._say(trouble)
        self._trouble = trouble

    def _under_way(self) -> list[UnderWay]:
        return [_under_way(run) for run in self._runs.under_way()]

    def _submit(self, batch: Batch) -> None:
        self._runs.ask(
            [Drop(take.path, take.collection, take.object_name, taken=take.id) for take in batch.takes]
        )


def _under_way(run: AskedRun) -> UnderWay:
    return UnderWay(
        CollectionName(run.drops[0].collection),
        frozenset(TakeId(drop.taken) for drop in run.drops if drop.taken),
    )
