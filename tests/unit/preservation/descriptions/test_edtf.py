"""Dates of EDTF: the examples of its specification, and what looks like a date and is none."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preservation.descriptions.edtf import is_edtf

LEVEL_0 = (
    "1985-04-12", "1985-04", "1985", "1985-04-12T23:20:30", "1985-04-12T23:20:30Z",
    "1985-04-12T23:20:30-04",
    "1985-04-12T23:20:30+04:30", "1964/2008", "2004-06/2006-08", "2004-02-01/2005-02-08",
    "2004-02-01/2005-02",
    "2004-02-01/2005", "2005/2006-02", "0000", "2000-02-29",
)  # fmt: skip
LEVEL_1 = (
    "Y170000002", "Y-170000002", "2001-21", "2001-24", "1984?", "2004-06~", "2004-06-11%", "201X", "20XX",
    "2004-XX", "1985-04-XX", "1985-XX-XX", "1985-04-12/..", "1985-04/..", "1985/..", "../1985-04-12",
    "../1985-04", "../1985", "1985-04-12/", "1985/", "/1985-04-12", "/1985", "-1985", "1984?/2004-06~",
)  # fmt: skip
NEITHER = (
    "", " ", "/", "..", "../..", "19", "19850412", "1985-4-12", "12.4.1985", "1st May 1985", "c. 1985",
    "1985-13",
    "1985-00", "1985-02-30", "1900-02-29", "1985-04-00", "1985-04-31", "2008/1964",
    "1985-04-12T24:00:00",
    "1985-04-12T23:20", "1985-04-12T23:20:30/1986", "-0000", "1985-21-01", "1985-25", "1985-XX-12", "Y1985",
    "٢٠٠٤", "1985\n", " 1985", "1985 ", "1985/1986/1987",
    # Level 2.
    "156X-12-25", "XXXX-12-XX", "1XXX", "2004?-06", "?2004-06", "1950S2", "Y17E7", "2001-34", "[1667,1668]",
)  # fmt: skip


@pytest.mark.parametrize("text", LEVEL_0)
def test_what_level_0_has_is_a_date_of_both_levels(text: str):
    assert is_edtf(text, 0)
    assert is_edtf(text, 1)


@pytest.mark.parametrize("text", LEVEL_1)
def test_what_level_1_adds_is_no_date_of_level_0(text: str):
    assert not is_edtf(text, 0)
    assert is_edtf(text, 1)


@pytest.mark.parametrize("text", NEITHER)
def test_what_neither_level_has_is_no_date(text: str):
    assert not is_edtf(text, 0)
    assert not is_edtf(text, 1)


@given(st.dates(), st.dates())
def test_every_day_is_a_date_and_two_in_order_are_an_interval(one: date, other: date):
    first, last = sorted((one, other))
    assert is_edtf(first.isoformat(), 0)
    assert is_edtf(f"{first}/{last}", 0)
    assert is_edtf(f"{last}/{first}", 1) is (first == last)


@given(st.text(alphabet="0123456789-/.X?~%YTZ:", max_size=40))
def test_any_text_is_a_date_or_is_not(text: str):
    assert is_edtf(text, 1) or not is_edtf(text, 0)
