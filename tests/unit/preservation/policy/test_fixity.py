"""When replicas may be read, and what that costs."""

from datetime import datetime, time, timedelta

import pytest

from preservation.policy.fixity import ReadingPace, Weekday

WEEK: tuple[Weekday, ...] = ("Sat", "Wed")


def is_open(moment: str, hours: tuple[str, str] | None, weekdays: tuple[Weekday, ...] = WEEK) -> bool:
    begin_end = None if hours is None else (time.fromisoformat(hours[0]), time.fromisoformat(hours[1]))
    pace = ReadingPace(timedelta(days=90), hours=begin_end, weekdays=weekdays)
    return pace.is_open(datetime.fromisoformat(moment))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-28T00:00", True),
        ("2026-11-28T23:59", True),
        ("2026-11-29T00:00", False),
        ("2026-11-27T23:59", False),
        ("2026-12-02T12:00", True),
    ],
)
def test_without_hours_the_days_are_whole_days(moment: str, *, expected: bool):
    assert is_open(moment, None) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-28T05:00", False),
        ("2026-11-28T19:59", False),
        ("2026-11-28T20:00", True),
        ("2026-11-29T05:59", True),
        ("2026-11-29T06:00", False),
        ("2026-11-29T20:00", False),
    ],
)
def test_hours_past_midnight_begin_on_the_day_and_end_on_the_next(moment: str, *, expected: bool):
    assert is_open(moment, ("20:00", "06:00")) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2026-11-28T08:59", False), ("2026-11-28T09:00", True), ("2026-11-29T09:00", False)],
)
def test_hours_within_a_day_are_those_of_the_days_named(moment: str, *, expected: bool):
    assert is_open(moment, ("09:00", "17:00")) is expected


def test_without_days_every_day_is_open():
    assert is_open("2026-11-29T21:00", ("20:00", "06:00"), ())
    assert not is_open("2026-11-29T19:00", ("20:00", "06:00"), ())


def test_what_can_be_read_for_money_never_costs_more():
    pace = ReadingPace(timedelta(days=90), price=0.07, money_a_day=0.1)
    size = pace.bytes_for(pace.money_a_day)
    assert size is not None
    assert (pace.cost(size) or 0) <= 0.1 < (pace.cost(size + 2) or 0)
    assert ReadingPace(timedelta(days=90), price=0.0).bytes_for(1.0) is None
    assert ReadingPace(timedelta(days=90)).bytes_for(1.0) is None
    assert pace.bytes_for(0.0) == 0
