"""A run that takes long, seen from outside while it goes on: in the status, and in Prefect."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from fakes import WrappedStore
from services.failing_prefect import Door, FailingPrefect, at_stage
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import ask_prefect, preserved
from support.waiting import PATIENCE, until

from flows.installation import wiring
from flows.installation.processes import Process, this_process
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from flows.orchestration import in_process, preserve, progress_artifact
from flows.submission.answer import SubmissionResult
from flows.submission.drop import outline_of
from flows.submission.progress import meter
from flows.submission.progress.progress import Lane, ProgressView, StageProgress
from flows.submission.workspace import Extent, Workspace
from preservation.errors import IntegrityError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import collection_name, parse_object_id
from preservation.model.paths import StoreKey
from preservation.model.verdicts import Verdict
from preservation.policy.load import load
from storage.ports.stores import Deposit, Store

FILES = 40
PAUSE = 0.03


class Halt:
    """A place at which a store stands still until the test has looked."""

    def __init__(self) -> None:
        self.reached = Event()
        self.over = Event()

    def stand_still(self) -> None:
        self.reached.set()
        self.over.wait(PATIENCE)

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Give the time in which the store stands there."""
        try:
            assert self.reached.wait(PATIENCE)
            yield
        finally:
            self.over.set()


class SlowStore(WrappedStore):
    """Takes its time over every file, and stands still in the midst of writing, and of reading back."""

    def __init__(self, sound: Store) -> None:
        super().__init__(sound)
        self.writing, self.reading = Halt(), Halt()

    def create(self, deposits: Iterable[Deposit]) -> None:
        for number, deposit in enumerate(deposits):
            time.sleep(PAUSE)
            self.sound.create([deposit])
            if number == FILES // 2:
                self.writing.stand_still()

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        time.sleep(PAUSE)
        if len(self.opened) == FILES // 2:
            self.reading.stand_still()
        return super().open(key)


@pytest.fixture
def slow(installation: Archive, monkeypatch: pytest.MonkeyPatch) -> SlowStore:
    """The second store, which is slow."""
    sound = wiring.open_stores
    first, second = sound(load_settings(installation.directory))
    slow = SlowStore(second)
    monkeypatch.setattr(wiring, "open_stores", lambda *_: (first, slow))
    monkeypatch.setattr(progress_artifact, "_EVERY_SECONDS", 0.5)
    # A fast machine must have written of its progress too before the store stands still.
    monkeypatch.setattr(meter, "_EVERY_SECONDS", PAUSE)
    return slow


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    folder = tmp_path / "drops" / f"atlas-{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    for number in range(FILES):
        (folder / f"map {number}.txt").write_text(f"Map {number}\n" * 1000)
    return folder


def artifacts(installation: Archive, drop: Path) -> list[dict[str, Any]]:
    """What Prefect shows of the progress of the drop's runs."""
    asked = {"artifacts": {"key": {"any_": [f"progress-files-{drop.name}"]}}}
    return ask_prefect(installation.api_url, "artifacts", asked)


@contextmanager
def under_way(installation: Archive, drop: Path) -> Iterator[Future[SubmissionResult]]:
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(preserved, installation, drop, in_prefect=True)


def processing(installation: Archive) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(installation.run("status", "--json").stdout)["processing"]
    return found


def measured(installation: Archive) -> dict[str, Any]:
    """What is told of the run, as soon as its rate is told: it is measured for two seconds before."""

    def told() -> dict[str, Any]:
        [one] = processing(installation)
        return one if one["progress"] and one["progress"]["files_per_second"] else {}

    return until(told, "its rate is told")


def shown_beyond(percent: float, installation: Archive, drop: Path) -> dict[str, Any]:
    """What Prefect shows of the progress, as soon as it shows more than so much."""
    until(lambda: any(one["data"] > percent for one in artifacts(installation, drop)), "Prefect shows it")
    [shown] = artifacts(installation, drop)
    return shown


@pytest.mark.in_prefect
def test_a_long_run_is_seen_to_move_in_the_status_and_in_prefect(
    installation: Archive, atlas: Path, slow: SlowStore
):
    with under_way(installation, atlas) as run:
        with slow.writing.looked_at():
            earlier = measured(installation)
            shown_earlier = shown_beyond(0, installation, atlas)
        with slow.reading.looked_at():
            later = measured(installation)
            line = next(line for line in installation.run("status").stdout.splitlines() if atlas.name in line)
            shown_later = shown_beyond(shown_earlier["data"], installation, atlas)
        assert run.result().ending.verdict is Verdict.STORED

    for told in (earlier, later):
        assert (told["object"], told["in_hand"]) == (f"files/{atlas.name}", True)
        assert (told["stage"], told["in_stage"]) == ("package", "replicate")
        # Two stores, each of which is written to and read back.
        assert told["progress"]["of_files"] > 4 * FILES
        assert told["seconds_left"] == told["progress"]["seconds_left"]
        assert [work["work"] for work in told["progress"]["works"]] == ["first", "second"]
    assert 0 < earlier["progress"]["percent"] < later["progress"]["percent"] < 100
    assert earlier["percent"] < later["percent"] < 100
    assert "replicate" in line
    assert " %" in line
    assert "  running  " in line

    assert "replicate" in shown_earlier["description"]
    assert shown_earlier["data"] < shown_later["data"] < 100
    [end] = artifacts(installation, atlas)
    assert end["id"] == shown_earlier["id"]
    assert (end["type"], end["data"]) == ("progress", 100.0)
    assert "read back" in end["description"]
    assert end["flow_run_id"]
    assert processing(near(installation)) == []


@pytest.mark.in_prefect
def test_a_short_run_asks_nothing_of_prefect_for_its_progress(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[object] = []
    monkeypatch.setattr(progress_artifact, "get_client", lambda **how: asked.append(how))
    monkeypatch.setattr(progress_artifact, "_FIRST_SECONDS", 60.0)
    assert preserved(installation, ledger, in_prefect=True).ending.verdict is Verdict.STORED
    assert asked == []


@pytest.mark.in_prefect
def test_a_prefect_that_takes_no_progress_stops_nothing(
    installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(in_process, "_REQUEST_RETRIES", 0)
    monkeypatch.setattr(preserve, "_DELIVERY_SECONDS", 0.2)
    monkeypatch.setattr(progress_artifact, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(progress_artifact, "_EVERY_SECONDS", 0.05)
    prefect = FailingPrefect(installation.api_url)
    with at_stage("screen", lambda: prefect.shut(Door.ERRORS)):
        told = preserved(Archive(installation.directory, prefect.url), ledger, in_prefect=True)
    assert told.ending.verdict is Verdict.STORED, told.ending


@pytest.mark.in_prefect
def test_what_cannot_be_looked_at_for_a_moment_stops_no_bar(
    installation: Archive, atlas: Path, slow: SlowStore, monkeypatch: pytest.MonkeyPatch
):
    faults = [FileNotFoundError("gone"), IntegrityError("half a line")]
    sound = progress_artifact.progress_view

    def progress_view(label: str, workspaces: Sequence[Workspace], moment: datetime) -> ProgressView:
        if faults:
            raise faults.pop()
        return sound(label, workspaces, moment)

    monkeypatch.setattr(progress_artifact, "progress_view", progress_view)
    monkeypatch.setattr(progress_artifact, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(progress_artifact, "_EVERY_SECONDS", 0.05)
    with under_way(installation, atlas) as run:
        with slow.writing.looked_at():
            shown_beyond(0, installation, atlas)
        slow.reading.over.set()
        assert run.result().ending.verdict is Verdict.STORED
    assert not faults


def stopped_midway(installation: Archive, atlas: Path, by: Process) -> None:
    """Leave what a run leaves that was killed in the midst of its survey."""
    settings = load_settings(installation.directory)
    workspace = Workspace(settings.processing / "files" / "atlas")
    policy = load(settings.policy_of(collection_name("files")))
    workspace.start(parse_object_id("files/atlas"), atlas, outline_of(atlas), policy, now())
    told = StageProgress(
        "survey",
        now() - timedelta(minutes=5),
        now() - timedelta(seconds=3),
        by,
        30.0,
        (Lane("reading", Extent(15, 1000), Extent(5, 500), Extent(30, 2000)),),
    )
    workspace.progress.write_bytes(msgspec.json.encode(told))


def test_what_a_killed_run_left_is_reported_as_left_with_how_far_it_had_come(
    installation: Archive, atlas: Path
):
    stopped_midway(installation, atlas, this_process())
    installation = near(installation)
    [left] = processing(installation)
    assert (left["stage"], left["in_stage"], left["in_hand"], left["elsewhere"]) == ("", "survey", False, "")
    assert left["progress"]["percent"] == 50
    for figure in ("files_per_second", "bytes_per_second", "seconds_left"):
        assert left["progress"][figure] is None
    [line] = [line for line in installation.run("status").stdout.splitlines() if "files/atlas" in line]
    assert line.endswith("left")
    assert "50 %" in line


def test_what_another_machine_has_under_way_is_reported_with_its_name(installation: Archive, atlas: Path):
    stopped_midway(installation, atlas, Process("worker-2", "pid:[1]", 7, "boot 1"))
    installation = near(installation)
    [running] = processing(installation)
    assert (running["in_hand"], running["elsewhere"]) == (False, "worker-2")
    assert running["progress"]["seconds_left"] > 0
    [line] = [line for line in installation.run("status").stdout.splitlines() if "files/atlas" in line]
    assert "  running on worker-2  " in line
