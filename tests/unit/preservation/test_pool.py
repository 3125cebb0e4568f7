"""Work that many threads do in order, a bounded way ahead; and pauses that double."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from preservation.backoff import Backoff
from preservation.pool import in_order, in_portions


def test_results_come_in_the_order_of_the_items_whoever_is_done_first():
    later = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert later.wait(10)
        if number == 1:
            later.set()
        return number * number

    assert list(in_order(work, range(50), threads=2, ahead=4, name="squares")) == [n * n for n in range(50)]


def test_what_comes_alone_is_worked_on_by_the_caller_and_nothing_by_nobody():
    threads = list(in_order(lambda _: threading.current_thread(), [1], threads=2, ahead=4, name="alone"))
    assert threads == [threading.current_thread()]
    assert list(in_order(str, [], threads=2, ahead=4, name="none")) == []


def test_no_more_items_are_taken_than_may_be_ahead_and_as_many_threads_work():
    taken: list[int] = []
    together = threading.Barrier(3)

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number < 3:
            together.wait(10)
        return number

    for number in in_order(work, items(), threads=3, ahead=5, name="items"):
        assert len(taken) <= number + 6
    assert len(taken) == 1000


def test_the_first_failure_in_the_order_is_raised_and_nothing_is_left_at_work():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number >= 2:
            raise ValueError(str(number))
        return number

    results = in_order(work, range(1000), threads=2, ahead=4, name="failing")
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(results)
    assert len(begun) < 20
    assert not any(thread.name.startswith("failing") for thread in threading.enumerate())


def test_a_caller_that_stops_early_leaves_no_thread_behind():
    results = in_order(str, range(1000), threads=2, ahead=4, name="stopped")
    assert next(results) == "0"
    results.close()
    assert not any(thread.name.startswith("stopped") for thread in threading.enumerate())


def test_a_portion_is_closed_by_its_number_or_by_its_size():
    assert list(in_portions([1, 1, 1, 9, 1, 1], lambda size: size, most=3, enough=5)) == [
        [1, 1, 1],
        [9],
        [1, 1],
    ]
    assert list(in_portions([], len, most=3, enough=5)) == []


def test_pauses_double_up_to_the_longest_and_begin_again_after_a_success():
    backoff = Backoff(5, 30)
    assert [backoff.pause() for _ in range(5)] == [5, 10, 20, 30, 30]
    backoff.reset()
    assert backoff.pause() == 5
