"""The dispatch loop: how long it sleeps, and that it never goes on where the inboxes are not watched."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import Future
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest
from support.archives import Archive
from support.takes import a_take, an_area

from flows.inboxes.queue.attempts import record_end
from flows.inboxes.service import InboxService
from flows.installation.bell import take_bell
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from flows.orchestration.environment import PrefectApi
from flows.orchestration.run_requests import AskedRun, Runs
from flows.service import dispatch_loop
from flows.service.dispatch_loop import _DispatchLoop, run_dispatch_loop
from flows.submission.drop import DropRequest
from preservation.model.verdicts import Verdict

AT_REST = dispatch_loop._LONGEST_PAUSE


class FewRuns:
    """A Prefect whose runs are a list; it knows how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[AskedRun] = []
        self.questions = 0

    def under_way(self) -> list[AskedRun]:
        self.questions += 1
        return self.asked

    def ask(self, drops: list[DropRequest]) -> UUID:
        self.asked.append(AskedRun(uuid4(), "Scheduled", now(), tuple(drops)))
        return self.asked[-1].identifier


class Pauses(threading.Event):
    """Records how long the loop would have slept, and ends the watching after the last time."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.watched: Future[None] = Future()
        self._times = times

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        if len(self.seconds) == self._times:
            self.watched.set_result(None)
        return False


def pauses(settings: Settings, times: int = 1, runs: FewRuns | None = None) -> list[float]:
    slept = Pauses(times)
    _DispatchLoop(settings, cast("Runs", runs or FewRuns()), lambda _: None).run(slept.watched, slept)
    return slept.seconds


def test_with_nothing_to_give_it_rests(settings: Settings):
    assert pauses(settings) == [AT_REST]


def test_while_a_run_goes_on_it_looks_often_whether_it_has_ended(settings: Settings):
    a_take(an_area(settings.directory))
    assert pauses(settings, times=2) == [dispatch_loop._LOOK_SECONDS] * 2


def test_a_drop_that_waits_for_a_person_keeps_no_loop_awake(settings: Settings):
    record_end(a_take(an_area(settings.directory)), Verdict.WAITING, "Somebody is asked.", now())
    runs = FewRuns()
    assert pauses(settings, runs=runs) == [AT_REST]
    assert runs.questions == 0, "Prefect can do nothing for it"


def test_a_take_that_a_person_has_seen_to_is_noticed_within_two_seconds(settings: Settings):
    heard, stopped = threading.Event(), threading.Event()
    listening = threading.Thread(target=take_bell(settings).listen, args=(heard.set, stopped))
    listening.start()
    try:
        assert not heard.wait(1.5), "nobody has knocked yet"
        take_bell(settings).ring()
        assert heard.wait(2)
    finally:
        stopped.set()
        listening.join()


def test_after_an_interruption_it_sleeps_until_the_pause_is_over(settings: Settings):
    ended = now() - timedelta(seconds=settings.service.pauses[0] - 20)
    record_end(a_take(an_area(settings.directory)), Verdict.INTERRUPTED, "A store was away.", ended)
    [seconds] = pauses(settings)
    assert seconds == pytest.approx(20, abs=5)


def test_a_run_that_does_not_end_is_reported_once(settings: Settings, caplog: pytest.LogCaptureFixture):
    take = a_take(an_area(settings.directory))
    runs = FewRuns()
    runs.asked.append(AskedRun(uuid4(), "Cancelling", now() - timedelta(days=30), (take.as_drop,)))
    pauses(settings, times=2, runs=runs)
    [alarm] = [record.getMessage() for record in caplog.records if "ALARM" in record.getMessage()]
    assert "maps/sheet-012" in alarm
    assert "has not ended (Cancelling)" in alarm


def test_where_the_inboxes_are_not_watched_any_more_it_ends_with_what_ended_the_watching(
    installation: Archive, monkeypatch: pytest.MonkeyPatch
):
    def gone(_: InboxService, __: threading.Event) -> None:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))

    monkeypatch.setattr(InboxService, "run", gone)
    stopped = threading.Event()
    with pytest.raises(OSError, match=os.strerror(errno.ENAMETOOLONG)):
        run_dispatch_loop(
            load_settings(installation.directory), PrefectApi(installation.api_url), stopped, print
        )
    assert stopped.is_set()
