"""How far a stage is: percent, rate and time left, and what is left out where it is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.installation.processes import this_process
from flows.submission.progress.progress import (
    SHARES,
    Lane,
    Rate,
    StageProgress,
    SubmissionPosition,
    done_in_words,
    in_words,
    left_in_words,
    rate_in_words,
)
from flows.submission.stages.order import STAGES
from flows.submission.workspace import Extent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MB = 1_000_000


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def told(*lanes: Lane, window: float = 10.0, stage: str = "survey") -> StageProgress:
    """Return the words at noon of a window that began so many seconds before."""
    return StageProgress(stage, NOON - seconds(60), NOON, this_process(), window, lanes)


def lane(done: Extent, of: Extent | None, before: Extent | None = None, name: str = "reading") -> Lane:
    return Lane(name, done, before or Extent(0, 0), of)


HALF = told(lane(Extent(50, 500 * MB), Extent(100, 1000 * MB), Extent(40, 400 * MB)))


def test_a_stage_half_done_is_reported_with_percent_rate_and_time_left():
    assert HALF.percent == 50
    assert HALF.rate(NOON) == Rate(1.0, 10.0 * MB)
    assert HALF.left(NOON) == seconds(50)
    assert (
        in_words(HALF, NOON) == "50 %, 50 of 100 files, 500 MB of 1.0 GB, 10.0 MB/s, less than a minute left"
    )


def test_where_nothing_more_is_counted_the_rate_falls_and_at_last_no_time_is_given():
    later = NOON + seconds(10)
    assert HALF.rate(later) == Rate(0.5, 5.0 * MB)
    assert HALF.left(later) == seconds(100)
    much_later = NOON + seconds(61)
    assert HALF.left(much_later) is None
    assert rate_in_words(HALF, much_later) == "nothing moves"
    assert "left" not in in_words(HALF, much_later)


def test_where_the_total_is_not_known_neither_percent_nor_time_left_is_given():
    progress = told(lane(Extent(1204, 3 * MB), None))
    assert (progress.percent, progress.left(NOON)) == (None, None)
    assert done_in_words(progress) == "1,204 files, 3.0 MB so far"
    assert in_words(progress, NOON) == "1,204 files, 3.0 MB so far, 300 kB/s"


def test_where_the_total_is_not_known_what_all_lanes_have_done_is_reported():
    progress = told(lane(Extent(1500, 9 * MB), None), lane(Extent(1204, 3 * MB), None, name="identifying"))
    assert done_in_words(progress) == "1,204 files, 3.0 MB so far"


def test_work_that_counts_no_bytes_is_reported_in_files():
    progress = told(lane(Extent(50, 0), Extent(200, 0)))
    assert in_words(progress, NOON) == "25 %, 50 of 200 files, 5.0 files/s, less than a minute left"


def test_no_words_are_given_for_rate_and_time_before_it_was_watched_for_a_while():
    progress = told(lane(Extent(1, MB), Extent(100, 100 * MB)), window=1.0)
    assert (progress.rate(NOON), progress.left(NOON)) == (None, None)
    assert in_words(progress, NOON) == "1 %, 1 of 100 files, 1.0 MB of 100 MB"


def test_many_small_files_are_not_taken_for_nothing():
    progress = told(lane(Extent(10, 990 * MB), Extent(100_000, 1000 * MB)))
    assert progress.percent is not None
    assert progress.percent < 20


def test_the_slowest_of_several_stores_says_how_long_it_takes_yet():
    whole = Extent(20, 200 * MB)
    fast = lane(Extent(18, 180 * MB), whole, Extent(8, 80 * MB), "first")
    slow = lane(Extent(2, 20 * MB), whole, Extent(1, 10 * MB), "second")
    progress = told(fast, slow, stage="replicate")
    assert progress.percent == 50
    assert progress.left(NOON) == seconds(180)
    assert in_words(progress, NOON) == "50 % (first 90 %, second 10 %), 11.0 MB/s, 3 min left"


def test_where_one_of_several_stores_stands_still_no_time_is_given():
    whole = Extent(20, 200 * MB)
    stuck = lane(Extent(2, 20 * MB), whole, Extent(2, 20 * MB), "second")
    assert told(lane(Extent(18, 180 * MB), whole), stuck).left(NOON) is None


def test_a_store_that_is_done_does_not_hold_up_the_time_of_the_others():
    whole = Extent(20, 200 * MB)
    done = lane(whole, whole, whole, "first")
    assert told(done, lane(Extent(10, 100 * MB), whole, name="second")).left(NOON) == seconds(10)


def test_a_stage_that_has_gone_through_everything_takes_no_time_and_is_not_called_stuck():
    whole = Extent(20, 200 * MB)
    progress = told(lane(whole, whole))
    assert (progress.percent, progress.left(NOON)) == (100, timedelta(0))
    assert rate_in_words(progress, NOON + seconds(90)) == ""


def test_more_than_was_counted_is_no_more_than_all():
    assert told(lane(Extent(12, 12 * MB), Extent(10, 10 * MB))).percent == 100


def test_nothing_to_do_has_no_percentage():
    assert told(lane(Extent(0, 0), Extent(0, 0))).percent is None


def test_what_began_anew_has_no_negative_rate():
    progress = told(lane(Extent(1, MB), Extent(10, 10 * MB), Extent(9, 9 * MB)))
    assert progress.rate(NOON) == Rate(0, 0)
    assert progress.left(NOON) is None


def test_a_clock_that_was_set_back_changes_nothing():
    assert HALF.left(NOON - timedelta(days=400)) == HALF.left(NOON)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, ""),
        (seconds(0), "less than a minute"),
        (seconds(59), "less than a minute"),
        (seconds(60), "1 min"),
        (seconds(3601), "60 min"),
        (timedelta(hours=7.4), "7 h"),
    ],
)
def test_no_time_is_given_more_exactly_than_it_is_known(left: timedelta | None, words: str):
    assert left_in_words(left) == words


def test_almost_done_is_not_done():
    assert in_words(told(lane(Extent(999, 0), Extent(1000, 0)), window=0.0), NOON).startswith("99 %")


def test_the_shares_of_the_way_are_those_of_the_stages_and_come_to_a_hundred():
    assert list(SHARES) == list(STAGES)
    assert sum(SHARES.values()) == 100


def test_the_way_goes_from_nothing_to_all_and_never_back():
    figures = [0.0]
    last = ""
    for stage in SHARES:
        figures.append(SubmissionPosition(last, stage, None).percent)
        figures.append(
            SubmissionPosition(last, stage, told(lane(Extent(1, 0), Extent(2, 0)), stage=stage)).percent
        )
        last = stage
    figures.append(SubmissionPosition(last, "", None).percent)
    assert figures == sorted(figures)
    assert (figures[0], figures[-1]) == (0.0, 100.0)


def test_how_long_the_whole_way_takes_yet_is_reported_only_in_its_last_long_stage():
    assert SubmissionPosition("", "survey", HALF).left(NOON) is None
    assert SubmissionPosition("package", "replicate", HALF).left(NOON) == seconds(50)
