"""Lists of orders in workbooks: what is seen in a cell is what is ordered, or the cell is named."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import msgspec
import pytest
from openpyxl import Workbook
from support.orders import MANUSCRIPTS, faults_of

from preservation.orders import workbook
from preservation.orders.exchange import ListFault, ReadList
from preservation.orders.reading import ListedOrders, read_orders
from preservation.policy.orders import Ordering

SHEET = "xl/worksheets/sheet1.xml"


def a_book(*rows: tuple[Any, ...], change: Callable[[Workbook], None] = lambda _: None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def with_part(book: bytes, name: str, alter: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one part of it altered, as no program writes it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = old.read(part)
            new.writestr(part, alter(content) if part == name else content)
    return sink.getvalue()


def cells_of(book: bytes) -> ReadList:
    told = workbook.read_workbook({"date_form": "%d.%m.%Y"}, [io.BytesIO(book)], [])
    return msgspec.convert(told, ReadList)


def orders_in(book: bytes) -> ListedOrders:
    return read_orders(cells_of(book), MANUSCRIPTS, Ordering.model_validate({"dates": "DD.MM.YYYY"}))


def test_a_sheet_orders_what_its_cells_show():
    book = a_book(
        ("Object", "pages", "due", "batch"),
        ("ms-1387", 48, date(2027, 1, 31), 3),
        (1388, 12.0, datetime.combine(date(2027, 1, 31), time()), None),
        (),
        ("ms-1389", "7", "31.01.2027", "3a"),
    )
    found = orders_in(book)
    assert found.faults == ()
    assert [(one.object.name, one.pages, one.due, one.batch) for one in found.orders] == [
        ("ms-1387", 48, date(2027, 1, 31), "3"),
        ("1388", 12, date(2027, 1, 31), ""),
        ("ms-1389", 7, date(2027, 1, 31), "3a"),
    ]
    assert found.form == "workbook, sheet 'Sheet'"


def test_the_first_sheet_that_is_shown_is_read_and_the_others_are_counted():
    def add(book: Workbook) -> None:
        book.active.sheet_state = "hidden"
        book.create_sheet("Los 3").append(["object"])
        book["Los 3"].append(["ms-1"])

    found = orders_in(a_book(("nothing",), change=add))
    assert [one.object.name for one in found.orders] == ["ms-1"]
    assert found.form == "workbook, sheet 'Los 3'; 1 other sheet not read"


def test_a_number_is_taken_as_it_is_shown_or_not_at_all():
    def shape(book: Workbook) -> None:
        book.active["A2"].number_format = "0000"
        book.active["A3"].number_format = '"MS "0000'

    found = cells_of(a_book(("object",), (12,), (13,), change=shape))
    assert [(fault.row, fault.column) for fault in found.faults] == [(3, "A")]
    found = cells_of(a_book(("object",), (12,), change=shape))
    assert found.rows[1].cells == ("0012",)


def test_formulas_errors_merged_cells_and_times_are_told_all_at_once():
    def merge(book: Workbook) -> None:
        book.active.merge_cells("A5:A6")
        book.active["B3"] = "#REF!"
        book.active["B3"].data_type = "e"

    rows = (
        ("object", "pages"),
        ("=A1", 1),
        ("ms-1", 2),
        (datetime.combine(date(2026, 1, 1), time(10)), "=SUM(B2:B3)"),
        ("ms-2", 4),
    )
    found = orders_in(a_book(*rows, change=merge))
    assert found.orders == ()
    assert sorted(faults_of(found)) == [
        ": the cells A5:A6 are merged; unmerge them, and fill in each",
        "row 2, column A: it is a formula; put the value itself there",
        "row 3, column B: it has the error '#REF!'; put a value there",
        "row 4, column A: it is a time, and not a day",
        "row 4, column B: it is a formula; put the value itself there",
    ]


def test_text_that_looks_like_a_formula_is_refused_as_well():
    def as_text(book: Workbook) -> None:
        book.active["A2"] = "=cmd|'x'!A1"
        book.active["A2"].data_type = "s"

    [fault] = faults_of(orders_in(a_book(("object",), ("x",), change=as_text)))
    assert fault.endswith("would be a formula; put the value itself there")


def test_a_row_that_comes_out_of_turn_is_never_passed_over():
    book = a_book(("object",), ("ms-1",), ("ms-2",))
    twice = with_part(book, SHEET, lambda xml: xml.replace(b'<row r="3"', b'<row r="2"'))
    assert faults_of(orders_in(twice)) == ["row 2: it comes after row 2: the workbook is damaged"]


def test_entities_are_refused_and_nothing_outside_is_read():
    xml = b'<!DOCTYPE x [<!ENTITY a "ms-1"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    book = a_book(("object",), ("ms-1",))
    with pytest.raises(Exception, match="could not read worksheets"):
        cells_of(with_part(book, SHEET, lambda content: xml + content))


def test_what_claims_to_be_endless_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch):
    bomb = with_part(a_book(("object",), ("ms-1",)), SHEET, lambda xml: xml + b" " * (3 << 20))
    assert len(bomb) < 1 << 20
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 2 << 20)
    assert faults_of(orders_in(bomb)) == [": it unpacks to more than 2 MiB; import it in parts"]
    monkeypatch.setattr(workbook, "LARGEST_WORKBOOK", 1 << 10)
    assert faults_of(orders_in(bomb)) == [": it is larger than 0 MiB; import it in parts"]


def test_a_sheet_that_is_too_long_or_too_wide_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    assert "more than 2 rows" in faults_of(orders_in(a_book(("object",), ("a",), ("b",))))[0]
    monkeypatch.setattr(workbook, "MOST_COLUMNS", 2)
    assert faults_of(orders_in(a_book(("object", "", "x")))) == ["row 1: it has more than 2 columns"]


@pytest.mark.parametrize("content", [b"", b"object\nms-1\n", b"PK\3\4 and nothing"])
def test_what_is_no_workbook_is_refused(content: bytes):
    [fault] = cells_of(content).faults
    assert fault == ListFault(0, "", "it is no workbook (xlsx); save it as one, or as CSV UTF-8")


def test_a_workbook_without_a_sheet_part_is_an_answer_and_no_crash():
    book = with_part(a_book(("object",)), "xl/workbook.xml", lambda xml: xml.replace(b"rId1", b"rId9"))
    with pytest.raises(Exception, match=r"."):
        cells_of(book)
