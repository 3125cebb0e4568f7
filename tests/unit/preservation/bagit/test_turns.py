from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from preservation.bagit.turns import MOST_PARTS, taken_in_turns

# The threads of a test run do nothing while the command's process, which has none, would fork.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def its_numbers(numbers: Iterable[int]) -> list[int]:
    return list(numbers)


@pytest.mark.parametrize(("parts", "processes"), [(0, 3), (1, 3), (2, 2), (50, 3), (MOST_PARTS, 2)])
def test_every_part_is_taken_exactly_once(parts: int, processes: int):
    found = taken_in_turns(its_numbers, parts, processes)
    assert sorted(number for share in found for number in share) == list(range(parts))
    assert len(found) == max(1, min(parts, processes))


def test_there_are_other_processes_at_work():
    processes = {process for share in taken_in_turns(who_took, 3, 3) for process in share}
    assert len(processes) == 3


def who_took(numbers: Iterable[int]) -> list[int]:
    first = iter(numbers)
    # Each waits until it has one, so that no process takes all of them.
    next(first)
    return [os.getpid()]


def test_where_another_process_perishes_nothing_is_left_out():
    here = os.getpid()

    def perish_elsewhere(numbers: Iterable[int]) -> list[int]:
        if os.getpid() != here:
            next(iter(numbers), None)
            os.kill(os.getpid(), signal.SIGKILL)
        return list(numbers)

    assert taken_in_turns(perish_elsewhere, 40, 2) == [list(range(40))]


def test_a_fault_here_ends_the_others_and_is_told():
    here = os.getpid()

    def fail_here(numbers: Iterable[int]) -> list[int]:
        if os.getpid() == here:
            raise ValueError("here")
        return list(numbers)

    before = children()
    with pytest.raises(ValueError, match="here"):
        taken_in_turns(fail_here, 40, 3)
    assert children() == before


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def test_where_no_process_is_to_be_had_nothing_stays_open(monkeypatch: pytest.MonkeyPatch):
    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, "no process is to be had")

    monkeypatch.setattr(os, "fork", refused)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208  names are enough

    with pytest.raises(BlockingIOError):
        taken_in_turns(its_numbers, 3, 3)

    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
