"""The names of takes: the queue is in their order."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from flows.inboxes.queue.takes import is_take_id, new_take_id

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  Hypothesis adds the zone


@given(st.lists(MOMENTS, min_size=2, unique=True).map(sorted))
def test_takes_are_in_the_order_in_which_they_were_taken_also_within_a_second(moments: list[datetime]):
    names = [new_take_id(moment) for moment in moments]
    assert sorted(names) == names
    assert all(map(is_take_id, names))


def test_the_name_of_a_take_of_an_earlier_muniment_is_one_and_in_its_place_to_the_second():
    earlier = "20261201T153745Z-59cc9c1dde1a5e58"
    assert is_take_id(earlier)
    assert not is_take_id(earlier.replace("Z", "123Z"))
    assert earlier.replace("45Z", "44Z") < new_take_id(datetime(2026, 12, 1, 15, 37, 45, 1, UTC))
