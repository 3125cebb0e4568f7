"""The meter of a stage: what it counts, when it tells it, and that it never stands in the way."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.submission.progress.meter import Meter
from flows.submission.progress.progress import SubmissionPosition, position_of, progress_view
from flows.submission.workspace import Ending, Extent, Workspace
from preservation.errors import IntegrityError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import parse_object_id
from preservation.model.verdicts import Verdict
from preservation.policy.load import parse
from preservation.survey.walk import TreeOutline

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(tmp_path: Path, project: Path) -> Workspace:
    return begun(tmp_path / "sheet", project)


def begun(root: Path, project: Path) -> Workspace:
    policy = parse((project / "policies" / "bit-level.toml").read_bytes(), "bit-level.toml")
    made = Workspace(root)
    made.start(
        parse_object_id(f"maps/{root.name}"), root / "drop", TreeOutline(HexDigest("00"), 8, 80), policy, NOON
    )
    return made


def eight() -> Extent:
    return Extent(8, 80)


def test_a_stage_that_takes_less_than_a_second_tells_nothing_and_asks_for_no_total(
    workspace: Workspace, clock: Clock
):
    def asked() -> Extent:
        raise AssertionError("counted for nothing")

    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", asked)
        for _ in range(8):
            track.count(1, 10)
            clock.seconds += 0.1
    assert not workspace.progress.exists()
    assert position_of(workspace) == SubmissionPosition("", "survey", None)


def test_a_longer_one_tells_once_a_second_what_is_done_of_how_much(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", eight)
        written = []
        for _ in range(4):
            clock.seconds += 0.5
            track.count(1, 10)
            written.append(workspace.progress.stat().st_mtime_ns if workspace.progress.exists() else 0)
        told = position_of(workspace).progress
        assert told is not None
        assert (told.done, told.of, told.percent) == (Extent(4, 40), Extent(8, 80), 50)
        assert told.window == 2
    assert len(set(written)) == 3


def test_the_rate_is_that_of_the_last_half_minute(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", lambda: Extent(1000, 0))
        for second in range(100):
            clock.seconds += 1
            track.count(10 if second < 50 else 1, 0)
        told = position_of(workspace).progress
    assert told is not None
    rate = told.rate(told.at)
    assert rate is not None
    assert rate.files == pytest.approx(1)


def test_a_stage_that_stood_still_for_long_is_soon_told_at_its_rate_again(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", lambda: Extent(1000, 0))
        for second in range(45):
            clock.seconds += 600 if second == 10 else 1
            track.count(10, 0)
        told = position_of(workspace).progress
    assert told is not None
    rate = told.rate(told.at)
    assert rate is not None
    assert rate.files == pytest.approx(10)


def test_it_stays_when_the_stage_is_done_and_is_of_no_other_stage(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", eight)
        clock.seconds += 1
        track.count(7, 70)
        track.count(1, 10)
    told = position_of(workspace).progress
    assert told is not None
    assert told.percent == 100
    workspace.events("survey").write([])
    assert position_of(workspace) == SubmissionPosition("survey", "screen", None)


def test_what_a_killed_run_told_is_forgotten_when_the_stage_begins_anew(workspace: Workspace, clock: Clock):
    for _ in range(2):
        with Meter(workspace, "survey", clock) as meter:
            assert not workspace.progress.exists()
            clock.seconds += 1
            meter.track("reading", eight).count(1, 10)


def test_several_works_are_told_beside_each_other_and_parts_of_one_together(
    workspace: Workspace, clock: Clock
):
    with Meter(workspace, "replicate", clock) as meter:
        first, second = meter.track("first", eight), meter.track("second", eight)
        second.set_part("writing", 1, 10)
        first.set_part("writing", 4, 40)
        first.set_part("reading back", 2, 20)
        clock.seconds += 1
        # Begun anew, after what was there did not match.
        second.set_part("writing", 0, 0)
    assert seen_lanes(workspace) == [("first", Extent(6, 60)), ("second", Extent(0, 0))]


def seen_lanes(workspace: Workspace) -> list[tuple[str, Extent]]:
    for stage in ("survey", "screen", "plan", "normalize", "package"):
        workspace.events(stage).write([])
    told = position_of(workspace).progress
    return [] if told is None else [(lane.name, lane.done) for lane in told.lanes]


def test_nothing_is_lost_between_threads(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", eight)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: track.count(1, 10), range(4000)))
    assert track.done == Extent(4000, 40_000)


def test_a_total_that_cannot_be_had_is_not_told_and_hinders_nobody(workspace: Workspace, clock: Clock):
    def damaged() -> Extent:
        raise IntegrityError("not a record of Muniment")

    with Meter(workspace, "survey", clock) as meter:
        clock.seconds += 1
        meter.track("reading", damaged).count(1, 10)
    told = position_of(workspace).progress
    assert told is not None
    assert (told.of, told.percent) == (None, None)


def test_a_file_that_nobody_of_ours_wrote_is_no_progress(workspace: Workspace):
    workspace.progress.write_bytes(b"{}")
    assert position_of(workspace).progress is None


def test_a_disk_that_stays_away_hinders_nobody_for_however_long(workspace: Workspace, clock: Clock):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", eight)
        workspace.root.rename(workspace.root.with_name("away"))
        for _ in range(12):
            clock.seconds += 1
            track.count(1, 10)
    assert track.done == Extent(12, 120)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "muniment"):
        yield caplog


def test_the_log_has_a_line_every_five_seconds(
    workspace: Workspace, clock: Clock, lines: pytest.LogCaptureFixture
):
    with Meter(workspace, "survey", clock) as meter:
        track = meter.track("reading", lambda: Extent(100, 1000))
        for _ in range(12):
            clock.seconds += 1
            track.count(1, 10)
    assert lines.messages == [
        "maps/sheet: survey: 5 %, 5 of 100 files, 50 bytes of 1.0 kB, 10 bytes/s, 2 min left",
        "maps/sheet: survey: 10 %, 10 of 100 files, 100 bytes of 1.0 kB, 10 bytes/s, 2 min left",
    ]


def test_telling_is_cheap(workspace: Workspace):
    with Meter(workspace, "survey") as meter:
        count = meter.track("reading", eight).count
        before = os.times().user
        for _ in range(20_000):
            count(1, 10)
        # Ten microseconds a file are a hundredth of what a file takes.
        assert os.times().user - before < 0.2


def test_a_run_of_several_drops_is_as_far_as_they_are_together(tmp_path: Path, project: Path):
    one, other = begun(tmp_path / "one", project), begun(tmp_path / "other", project)
    assert (
        progress_view("2 drops of maps", [one, other], NOON).words == "2 drops of maps: survey: 0 of 2 drops"
    )
    one.events("survey").write([])
    shown = progress_view("2 drops of maps", [one, other], NOON)
    assert (shown.percent, shown.words) == (20, "2 drops of maps: survey: 1 of 2 drops")
    other.ending.write([Ending(Verdict.REJECTED, "It is damaged.", NOON)])
    shown = progress_view("2 drops of maps", [one, other], NOON)
    assert (shown.percent, shown.words) == (70, "2 drops of maps: screen: 1 of 2 drops")
    one.discard()
    assert progress_view("2 drops of maps", [one, other], NOON).percent == 100


def test_what_was_interrupted_has_not_come_to_its_end(workspace: Workspace):
    workspace.events("survey").write([])
    workspace.ending.write([Ending(Verdict.INTERRUPTED, "The store is away.", NOON)])
    shown = progress_view("maps/sheet", [workspace], NOON)
    assert (shown.percent, shown.words) == (40, "maps/sheet: screen")
