"""Lists of orders: what they say, and everything that is wrong with them, with its row and column."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.orders import MANUSCRIPTS, faults_of, orders_in, read_as_csv

from preservation.model.identifiers import ObjectId, ObjectName
from preservation.model.orders import Order, stated_terms, terms_in
from preservation.orders import jobs
from preservation.orders.exchange import column_letters

GERMAN = {
    "columns": {"object": "Signatur", "pages": "Seiten", "names": "Dateien", "due": "Termin", "batch": "Los"},
    "dates": "DD.MM.YYYY",
}


def named(name: str) -> ObjectId:
    return ObjectId(MANUSCRIPTS, ObjectName(name))


def test_a_list_orders_what_its_rows_say():
    found = orders_in(
        "object,pages,files,names,due,vendor,batch\n"
        'ms-1387,12,13,"ms_0001.tif|ms_0002.tif",2026-12-31,Müller,3\n'
        "ms-1388,,,,,,\n"
    )
    assert found.orders == (
        Order(named("ms-1387"), 12, 13, ("ms_0001.tif", "ms_0002.tif"), date(2026, 12, 31), "Müller", "3"),
        Order(named("ms-1388")),
    )
    assert (found.faults, found.form) == ((), "CSV, separated by commas")


def test_the_policy_names_the_headings_and_the_form_of_dates():
    found = orders_in("Los;Signatur;Termin;Bemerkung\n3;ms-1387;31.12.2026;dick\n", **GERMAN)
    assert found.orders == (Order(named("ms-1387"), due=date(2026, 12, 31), batch="3"),)
    assert found.form == "CSV, separated by semicolons"
    assert found.unread == ("Bemerkung",)


def test_a_mark_of_utf8_at_the_beginning_and_other_case_of_headings_are_taken():
    found = orders_in("\ufeffOBJECT\tpages\nms-1\t2\n")
    assert found.orders == (Order(named("ms-1"), 2),)
    assert found.form == "CSV, separated by tabs"


def test_the_separator_of_the_policy_is_taken_where_it_names_one():
    assert read_as_csv(b"object;a,b\n", "comma").rows[0].cells == ("object;a", "b")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"object\nms-1\nM\xe4rz\n", "row 3: byte 2 of the line, 0xE4, is not UTF-8; save it as CSV UTF-8"),
        ("object\nms-1\n".encode("utf-16"), ": it is UTF-16, and not CSV in UTF-8; save it as CSV UTF-8"),
        (
            b"PK\3\4",
            ": it is a zip file, as workbooks (.xlsx) are, and not CSV in UTF-8; save it as CSV UTF-8",
        ),
        (b"object\nms\0-1\n", "row 2: it is not text"),
        (b'object\n"ms-1\n', "row 2: it is no row of CSV: unexpected end of data"),
        (b"", ": there is nothing in it"),
        (b"object,pages\n", "row 1: there is no row below the headings"),
        (b"object," * 201 + b"\n", "row 1: it has more than 200 columns"),
    ],
)
def test_what_is_no_list_in_utf8_is_refused_with_its_place_and_never_guessed(content: bytes, fault: str):
    found = orders_in(content)
    assert faults_of(found) == [fault]
    assert found.orders == ()


def test_a_list_without_the_column_of_objects_says_which_it_has():
    [fault] = faults_of(orders_in("shelfmark,pages\nms-1,2\n"))
    assert "no column is headed 'object'" in fault
    assert "it has 'shelfmark', 'pages'" in fault


def test_two_columns_of_one_heading_are_told():
    [fault] = faults_of(orders_in("object,pages,Pages\nms-1,2,3\n"))
    assert fault == "row 1, column C 'Pages': column B 'pages' has this heading too"


def test_every_fault_of_a_list_is_told_at_once_with_row_and_column():
    found = orders_in(
        "object,pages,names,due,vendor\n"
        "ms-1,12,,,\n"
        "MS-1,12,,,\n"
        ",12,,,\n"
        "a/b,-4,,,\n"
        "ms-2,1.5,,31.12.2026,\n"
        "ms-3,0,../x.tif,2026-02-30,\n"
        "ms-4,,a.tif|b.tif|a.tif,,\n"
        '=HYPERLINK("x"),,,,@SUM(A1)\n'
    )
    assert found.orders == ()
    places = [fault.place for fault in found.faults]
    assert places == [
        "row 3, column A 'object'",
        "row 4, column A 'object'",
        "row 5, column A 'object'",
        "row 5, column B 'pages'",
        "row 6, column B 'pages'",
        "row 6, column D 'due'",
        "row 7, column B 'pages'",
        "row 7, column C 'names'",
        "row 7, column D 'due'",
        "row 8, column C 'names'",
        "row 9, column A 'object'",
        "row 9, column E 'vendor'",
    ]
    sentences = faults_of(found)
    assert sentences[0].endswith("'MS-1' is ordered in row 2 already")
    assert sentences[3].endswith("would be a formula; put the value itself there")
    assert "is no day written YYYY-MM-DD" in sentences[5]
    assert sentences[9].endswith("it has the name 'a.tif' more than once")


def test_more_names_than_files_are_told():
    [fault] = faults_of(orders_in("object,files,names\nms-1,1,a.tif|b.tif\n"))
    assert fault == "row 2, column C 'names': it has 2 names for 1 file"


def test_a_row_is_named_by_the_line_that_it_begins_on():
    [fault] = faults_of(orders_in('object,names,pages\nms-1,"a.tif\nb.tif",1\nms-2,,x\n'))
    assert fault.startswith("row 4, column C 'pages'")


def test_a_list_that_is_too_large_is_refused_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "MOST_ROWS", 2)
    assert faults_of(orders_in("object\na\nb\nc\n")) == [": it has more than 2 rows; import it in parts"]
    monkeypatch.setattr(jobs, "LARGEST_LIST", 1 << 20)
    [fault] = faults_of(orders_in(b"object\n" + b"a" * (1 << 20)))
    assert fault == ": it is larger than 1 MiB; import it in parts"


def test_columns_are_called_as_a_spreadsheet_calls_them():
    assert [column_letters(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@given(st.binary(max_size=400), st.sampled_from(["", "comma", "semicolon", "tab"]))
def test_whatever_the_bytes_are_there_are_orders_or_faults_and_never_both(content: bytes, separator: str):
    read = read_as_csv(content, separator)
    assert not (read.rows and read.faults)
    found = orders_in(content)
    assert bool(found.faults) != bool(found.orders)


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Order,
        st.just(named("ms-1")),
        st.none() | st.integers(1, 9_999_999),
        st.none() | st.integers(1, 9_999_999),
        st.lists(_WORDS, max_size=3).map(tuple),
        st.none() | st.dates(),
        _WORDS,
        _WORDS,
    )
)
def test_the_journal_gives_back_the_terms_that_were_stated(order: Order):
    assert terms_in(order.object, stated_terms(order)) == order


@pytest.mark.parametrize(
    "text",
    [
        "pages",
        "pages 1; nonsense 2",
        "due 7",
        'pages "1"',
        "names [1]",
        "batch 3",
        "names " + "[" * 9_000,
        "anything",
    ],
)
def test_what_states_no_terms_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        terms_in(named("ms-1"), text)
