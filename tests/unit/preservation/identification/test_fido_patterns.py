from __future__ import annotations

import threading
import time

import pytest

from preservation.identification.fido import pattern_tests


def holds(expression: bytes, window: bytes, *, anchored: bool) -> bool:
    return all(test(window) for test in pattern_tests(expression, anchored=anchored))


@pytest.mark.parametrize(
    ("expression", "anchored", "window", "expected"),
    [
        (rb"(?s)\AII\*\x00", True, b"II*\0rest", True),
        (rb"(?s)\AII\*\x00", True, b"MM\0*rest", False),
        (rb"(?s)\Aab.{2,4}cd", True, b"ab123cd", True),
        (rb"(?s)\Aab.{2,4}cd.*ef", True, b"ab123cd--ef", True),
        (rb"(?s)\Aab.{2,4}cd.*ef", True, b"ab12345cd--ef", False),
        (rb"(?s)\Aab.{2,4}cd.*ef", True, b"xab123cd--ef", False),
        (rb"(?s)ab.{2,4}cd", False, b"--ab123cd--", True),
        (rb"(?s)ab.{2,4}cd", False, b"--ab1cd--", False),
        (rb"(?s)EOI.{0,2}\n\Z", False, b"---EOI-\n", True),
        (rb"(?s)a\.*b\.*c", False, b"-a...bc-", True),
    ],
)
def test_a_pattern_holds_where_it_should_with_and_without_gaps(
    *, expression: bytes, anchored: bool, window: bytes, expected: bool
):
    assert holds(expression, window, anchored=anchored) is expected


def test_a_pattern_that_would_be_tried_for_years_is_given_up():
    frames = rb"(?s)" + rb".{46,1439}".join([rb"\xff\xfb"] * 6) + rb"END"

    with pytest.raises(TimeoutError):
        holds(frames, b"\xff\xfb" * 60_000, anchored=False)


def test_other_threads_go_on_while_a_pattern_is_tried():
    frames = rb"(?s)" + rb".{46,1439}".join([rb"\xff\xfb"] * 6) + rb"END"
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            time.sleep(0.01)
            ticks += 1

    ticking = threading.Thread(target=tick)
    ticking.start()
    with pytest.raises(TimeoutError):
        holds(frames, b"\xff\xfb" * 60_000, anchored=False)
    done.set()
    ticking.join()

    assert ticks > 10
