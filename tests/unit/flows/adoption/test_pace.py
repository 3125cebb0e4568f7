"""How long something may take, by what was preserved last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_conclusion, a_registration

from flows.adoption.pace import Pace, pace_of
from preservation.model.verdicts import Verdict


def kept(catalogue: MemoryCatalogue, number: int, began: int, ended: int) -> None:
    """Have 2 files of 30 bytes be kept between these seconds."""
    package, submission = f"maps/sheet {number}/v1", f"00{number}"
    registration = a_registration(package, submission)
    catalogue.register(replace(registration, registered_at=MOMENT + timedelta(seconds=ended)), ())
    conclusion = a_conclusion(submission, Verdict.STORED, f"maps/sheet {number}")
    received = replace(conclusion.submission, received_at=MOMENT + timedelta(seconds=began))
    catalogue.conclude(replace(conclusion, submission=received))


def test_where_nothing_was_kept_no_pace_is_known():
    catalogue = MemoryCatalogue(MemoryJournal())
    assert pace_of(catalogue) is None
    catalogue.conclude(a_conclusion("00ff", Verdict.REJECTED))
    assert pace_of(catalogue) is None


def test_submissions_that_ran_beside_each_other_count_their_time_once():
    catalogue = MemoryCatalogue(MemoryJournal())
    kept(catalogue, 1, 0, 10)
    kept(catalogue, 2, 0, 10)
    kept(catalogue, 3, 5, 20)
    kept(catalogue, 4, 100, 110)
    assert pace_of(catalogue) == Pace(8, 120, 30.0)


def test_many_small_files_take_as_long_as_their_number_and_large_ones_as_their_bytes():
    pace = Pace(files=10, bytes=1000, took=5.0)
    assert pace.seconds(100, 1000) == 50.0
    assert pace.seconds(1, 100_000) == 500.0
