"""Giving takes to runs where areas are away, records are damaged, and other services do the same."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.takes import MAPS, NOON, a_take, an_area

from flows.inboxes.queue.attempts import (
    Attempts,
    attempts_file,
    attempts_of,
    excuse_run,
    record_end,
    record_run,
)
from flows.inboxes.queue.backlog import AttemptCounter, Backlog
from flows.inboxes.queue.dispatch import Batch, Dispatcher, bounds_of, plan
from flows.inboxes.queue.locks import locked_backlog, locked_take, remove_stale_locks
from flows.inboxes.queue.takes import Take, remove_take
from flows.installation.areas import Area
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from preservation.errors import UnavailableError
from preservation.model.verdicts import Verdict

DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    directory = tmp_path / "archive"
    make_installation(directory)
    with (directory / "muniment.toml").open("a") as file:
        file.write(f'\n[[area]]\npath = "{tmp_path / "share"}"\n')
    (tmp_path / "share").mkdir()
    settings = load_settings(directory)
    for area in settings.areas:
        an_area(area.root)
    return settings


def dispatched(settings: Settings, at: datetime = NOON) -> list[str]:
    """The names of what is given to runs at that time."""
    asked: list[Batch] = []
    Dispatcher(settings, list, asked.append, lambda: at).dispatch()
    return [take.name for batch in asked for take in batch.takes]


def test_an_area_whose_takes_cannot_be_listed_stops_no_other_and_is_reported(settings: Settings):
    here, share = settings.areas
    a_take(here, "here")
    share.taken.rmdir()
    share.taken.write_text("no folder")
    asked: list[Batch] = []

    found = Dispatcher(settings, list, asked.append, lambda: NOON).dispatch()

    assert [take.name for batch in asked for take in batch.takes] == ["here"]
    [trouble] = found.troubles
    assert str(share.root) in trouble


def test_an_area_that_is_full_or_read_only_stops_no_other_though_its_takes_are_older(tmp_path: Path):
    with small_disk(tmp_path / "share", "2m") as disk:
        directory = tmp_path / "archive"
        make_installation(directory)
        with (directory / "muniment.toml").open("a") as file:
            file.write(f'\n[[area]]\npath = "{disk.point}"\n')
        settings = load_settings(directory)
        here, share = (an_area(area.root) for area in settings.areas)
        a_take(share, "on the share", NOON - DAY)
        a_take(here, "here")
        disk.remount("ro")
        asked: list[Batch] = []

        found = Dispatcher(settings, list, asked.append, lambda: NOON).dispatch()

        assert [take.name for batch in asked for take in batch.takes] == ["here"]
        assert str(disk.point) in " ".join(found.troubles)
        disk.remount("rw")
        assert dispatched(settings) == ["on the share"]


@pytest.mark.parametrize("content", ["", "nonsense\n", '{"runs": "many"}\n', '{"runs": 1'])
def test_tries_that_cannot_be_read_count_as_none(settings: Settings, content: str):
    take = a_take(settings.areas[0])
    a_take(settings.areas[0], "another")
    attempts_file(take).write_text(content)

    assert sorted(dispatched(settings)) == ["another", "sheet-012"]
    noted = attempts_of(take)
    assert noted is not None
    assert noted.runs == 1


def test_a_batch_that_is_refused_holds_up_no_other_collection(settings: Settings):
    take = a_take(settings.areas[0], "refused")
    other = a_take(settings.areas[0], "other")
    renamed = (other.folder / "take.json").read_text().replace('"maps"', '"plans"')
    (other.folder / "take.json").write_text(renamed)
    asked: list[str] = []

    def submit(batch: Batch) -> None:
        if batch.takes[0].name == "refused":
            raise UnavailableError("no")
        asked.append(batch.takes[0].name)

    with pytest.raises(UnavailableError):
        Dispatcher(settings, list, submit, lambda: NOON).dispatch()

    assert asked == ["other"]
    assert attempts_of(take) is None


def test_two_services_on_one_backlog_ask_once_for_each_take(settings: Settings):
    for number in range(8):
        a_take(settings.areas[number % 2], f"drop-{number}")
    asked: list[str] = []
    together = threading.Barrier(4)

    def submit(batch: Batch) -> None:
        asked.extend(take.name for take in batch.takes)

    def serve() -> None:
        dispatcher = Dispatcher(settings, list, submit, lambda: NOON)
        for _ in range(10):
            together.wait()
            dispatcher.dispatch()

    services = [threading.Thread(target=serve) for _ in range(4)]
    for service in services:
        service.start()
    for service in services:
        service.join()

    assert sorted(asked) == [f"drop-{number}" for number in range(8)]


def test_while_another_service_dispatches_nothing_is_planned(settings: Settings):
    a_take(settings.areas[0])
    with locked_backlog(settings):
        assert dispatched(settings) == []
    assert dispatched(settings) == ["sheet-012"]


def test_a_take_that_was_answered_meanwhile_is_given_to_no_run(settings: Settings):
    take = a_take(settings.areas[0])
    take.path.rename(settings.areas[0].accepted / "sheet-012")
    remove_take(take.folder)

    assert not record_run(take, NOON, None)
    assert not take.folder.exists()


def test_the_lock_of_a_take_is_a_file_that_goes_with_it(settings: Settings):
    take = a_take(settings.areas[0])
    turns = settings.areas[0].taken.parent / ".turns"
    with locked_take(take) as there, locked_take(take, wait=False) as second:
        assert (there, second) == (True, False)
        assert (turns / take.id).is_file()
        take.path.rename(settings.areas[0].accepted / "sheet-012")
        remove_take(take.folder)
    assert list(turns.iterdir()) == []
    (turns / take.id).touch()
    remove_stale_locks(settings.areas[0])
    assert list(turns.iterdir()) == []


def pending_after(settings: Settings, take: Take, tries: Attempts, at: datetime) -> datetime | None:
    """When the take may run again; ``None`` where it is left."""
    [one] = Backlog(settings.areas).pending()
    [counted] = AttemptCounter(settings.processing).count([replace(one, attempts=tries)], at)
    assert counted.take == take
    found = plan([counted], (), bounds_of(settings), at)
    if found.given_up:
        return None
    return at if found.batches else found.again


def test_a_drop_is_not_given_up_for_restarts_of_the_service(settings: Settings):
    take = a_take(settings.areas[0])
    for number in range(30):
        tries = attempts_of(take)
        [one] = Backlog(settings.areas).pending()
        [counted] = AttemptCounter(settings.processing).count([one], NOON)
        record_run(take, NOON, counted.attempts)
        # As if another service had asked for it, which is no more.
        noted = attempts_of(take)
        assert noted is not None, tries
        assert noted.by is not None
        other = noted.by.pid + 1
        text = attempts_file(take).read_text().replace(f'"pid":{noted.by.pid}', f'"pid":{other}')
        attempts_file(take).write_text(text)
        os.utime(attempts_file(take), ns=(number, number))
    last = attempts_of(take)
    assert last is not None
    assert last.runs == 30

    assert pending_after(settings, take, last, NOON) == NOON + timedelta(hours=1)


def test_a_drop_whose_runs_are_killed_again_and_again_is_given_up(settings: Settings):
    take = a_take(settings.areas[0])
    for _ in range(8):
        record_run(take, NOON, attempts_of(take))
    noted = attempts_of(take)
    assert noted is not None

    assert pending_after(settings, take, noted, NOON + DAY) is None


def test_a_drop_that_got_on_in_its_last_run_begins_its_tries_anew(settings: Settings):
    take = a_take(settings.areas[0])
    workspace = settings.processing / "maps/sheet-012"
    workspace.mkdir(parents=True)
    (workspace / "events-survey.jsonl").touch()
    tries = Attempts(8, NOON)

    os.utime(workspace / "events-survey.jsonl", (NOON.timestamp() + 60,) * 2)
    assert pending_after(settings, take, tries, NOON + DAY) == NOON + DAY

    os.utime(workspace / "events-survey.jsonl", (NOON.timestamp() - 60,) * 2)
    assert pending_after(settings, take, tries, NOON + DAY) is None


def test_a_run_that_found_its_object_in_another_run_counts_against_no_drop(settings: Settings):
    take = a_take(settings.areas[0])
    record_run(take, NOON, None)
    excuse_run(take)
    noted = attempts_of(take)
    assert noted is not None
    assert (noted.runs, noted.excused, noted.verdict) == (1, 1, None)

    record_end(take, Verdict.WAITING, "A person is asked.", NOON)
    excuse_run(take)

    ended = attempts_of(take)
    assert ended is not None
    assert (ended.verdict, ended.sentence) == (Verdict.WAITING, "A person is asked.")


def test_a_pause_recorded_in_the_future_begins_when_it_is_first_seen(settings: Settings):
    a_take(settings.areas[0])
    [one] = Backlog(settings.areas).pending()
    ahead = replace(one, attempts=Attempts(1, NOON + 400 * DAY, Verdict.INTERRUPTED))
    counting, bounds = AttemptCounter(settings.processing), bounds_of(settings)

    def again(at: datetime) -> datetime | None:
        found = plan(counting.count([ahead], at), (), bounds, at)
        return at if found.batches else found.again

    over = NOON + timedelta(minutes=1)
    assert again(NOON) == over
    assert again(NOON + timedelta(seconds=30)) == over
    assert again(over) == over


def test_a_take_of_which_nothing_can_be_read_is_no_take(settings: Settings):
    area = Area(settings.areas[0].root)
    take = a_take(area)
    for old, new in (
        ('"groups":[]', '"groups":[".."]'),
        ('"name":"sheet-012"', '"name":"../sheet-012"'),
        (f'"collection":"{MAPS}"', '"collection":"../maps"'),
        ('"sentinels":[]', '"sentinels":["/etc/passwd"]'),
        (f'"id":"{take.id}"', '"id":"another"'),
    ):
        text = (take.folder / "take.json").read_text()
        assert old in text
        (take.folder / "take.json").write_text(text.replace(old, new))
        assert Backlog([area]).pending() == [], new
        (take.folder / "take.json").write_text(text)
    assert len(Backlog([area]).pending()) == 1
