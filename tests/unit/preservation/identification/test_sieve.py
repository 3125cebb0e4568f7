from __future__ import annotations

import re

import pytest

from preservation.identification.sieve import Need, Sieve, need_of


@pytest.mark.parametrize(
    ("expression", "anchored", "expected"),
    [
        (rb"(?s)\AII\*\x00", True, Need(b"II*\0", 0, 0)),
        (rb"(?s)\A.{4}ftyp", True, Need(b"ftyp", 4, 4)),
        (rb"(?s)\A.{2,2}IIXPR", True, Need(b"IIXPR", 2, 2)),
        (rb"(?s)\A.{10,20}end", True, Need(b"end", 10, 20)),
        (rb"(?s)\A.{10,}end", True, Need(b"end", 10, None)),
        (rb"(?s)\Aab\nc\td", True, Need(b"ab\nc\td", 0, 0)),
        (rb"(?s)<svg.{0,9}>", False, Need(b"<svg", 0, None)),
        (rb"(?s)\Aabc{2,3}d", True, Need(b"ab", 0, 0)),
        (rb"(?s)\Aab(?:c|d)", True, Need(b"ab", 0, 0)),
        (rb"(?s)\Aa?b", True, None),
        (rb"(?s)\A(?:a|b)c", True, None),
        (rb"(?s)\A[ab]c", True, None),
        (rb"(?s)\A.*c", True, None),
        (rb"(?s)\Aab|cd", True, None),
        (rb"(?s)\Aab[(|]cd", True, Need(b"ab", 0, 0)),
        (rb"(?i)\Aab", True, None),
        (rb"\Aab", True, None),
    ],
)
def test_what_a_pattern_cannot_do_without_is_read_from_its_beginning(
    expression: bytes,
    anchored: bool,  # noqa: FBT001  pytest gives parameters
    expected: Need | None,
):
    assert need_of(expression, anchored=anchored) == expected


@pytest.mark.parametrize(
    ("need", "window", "expected"),
    [
        (Need(b"end", 2, 4), b"--end", True),
        (Need(b"end", 2, 4), b"----end", True),
        (Need(b"end", 2, 4), b"-----end", False),
        (Need(b"end", 2, 4), b"-end", False),
        (Need(b"end", 2, None), b"-" * 99 + b"end", True),
        (Need(b"end", 2, None), b"end", False),
    ],
)
def test_a_need_is_met_from_its_first_place_to_its_last(need: Need, window: bytes, expected: bool):  # noqa: FBT001  pytest gives parameters
    assert need.is_met(window) is expected


def test_what_may_match_keeps_its_order_and_what_cannot_is_left_out():
    expressions = [rb"(?s)\Axy", rb"(?s)\A[a-c]", rb"(?s)\A.{1}bcde", rb"(?s)\Aabc", rb"(?s)\A.{0,9}e"]
    sieve = Sieve((need_of(expression, anchored=True), expression) for expression in expressions)

    assert sieve.possible(b"abcdef") == expressions[1:]
    assert sieve.possible(b"xy") == expressions[:2]
    assert sieve.possible(b"") == [expressions[1]]
    assert all(re.match(expression, b"abcdef") for expression in sieve.possible(b"abcdef"))
