from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree
from support.packages import Drop

from preservation.model.identifiers import ObjectName
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.packaging import codes
from preservation.packaging.description import (
    LARGEST_METADATA,
    LONGEST_ROW,
    MOST_COLUMNS,
    MOST_ROWS,
    supplied_statements,
    unread_description,
)
from preservation.packaging.planning import plan_package

NAME = ObjectName("sheet-012")


def stated(tmp_path: Path, text: str | bytes) -> dict[str, list[str]]:
    source = tmp_path / "metadata.csv"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    return supplied_statements(tmp_path, RelativePath(source.name), NAME)


@pytest.mark.parametrize(
    "cell", ["sheet-012", "sheet-012/", "objects/sheet-012", "./sheet-012", ".", "objects/"]
)
def test_the_row_that_names_the_object_is_taken(tmp_path: Path, cell: str):
    text = f"filename,dc.title\npage_1.tif,Page one\n{cell},A map\n"

    assert stated(tmp_path, text) == {"title": ["A map"]}


@pytest.mark.parametrize(
    ("heading", "element"),
    [
        ("dc.title", "title"),
        ("DC:Title", "title"),
        ("dcterms:created", "date"),
        ("dc.coverage.spatial", "coverage"),
        ("dc.title[en]", "title"),
        ("Title", "title"),
        ("dcterms.rightsHolder", "rights"),
    ],
)
def test_headings_are_taken_as_people_write_them(tmp_path: Path, heading: str, element: str):
    assert stated(tmp_path, f"{heading}\nthis\n") == {element: ["this"]}


@pytest.mark.parametrize("heading", ["", "shelfmark", "title page", "dc.", "dc.colour", "dcx.title"])
def test_other_headings_say_nothing(tmp_path: Path, heading: str):
    assert stated(tmp_path, f"{heading}\nthis\n") == {}


def test_columns_that_come_twice_are_both_taken(tmp_path: Path):
    assert stated(tmp_path, "dc.subject,dc.subject\nmaps,rivers\n") == {"subject": ["maps", "rivers"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "filename,title\npage_1.tif,Page one\n",
        "title\nA map\nAnother map\n",
        "filename,title\npage_1.tif,Page one\npage_2.tif,Page two\n",
        b"title\nK\xf6ln\n",
        b"\x00\xff\xfe",
        b'title\n"' + b"x" * 200_000,
    ],
    ids=["empty", "one-page", "two-rows", "two-pages", "latin-1", "binary", "endless-cell"],
)
def test_what_is_not_said_about_the_object_is_not_made_up(tmp_path: Path, text: str | bytes):
    assert stated(tmp_path, text) == {}


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path):
    assert stated(tmp_path, b"\xef\xbb\xbftitle\nA map\n") == {"title": ["A map"]}


def test_without_supplied_metadata_the_record_holds_names_and_counts_only(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")
    plan = plan_package(drop.contents(), drop.workspace)
    record = etree.parse(drop.workspace / "bag" / "metadata" / "descriptive" / "dc.xml")

    assert [(etree.QName(element).localname, element.text) for element in record.getroot()] == [
        ("title", "sheet-012"),
        ("format", "image/tiff"),
        ("format", "1 file, 3 bytes"),
        ("identifier", "maps/sheet-012"),
    ]
    assert plan.summary.payload_files == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("title," * MOST_COLUMNS + "title\n", "more than 1,000 columns"),
        ("title\n" + "a\n" * (MOST_ROWS + 1), "more than 1,000,000 rows"),
        ("title\n" + '"\n",' * (LONGEST_ROW // 4), "a row of it has 1,048,576 characters or more"),
        ("title\n" + "a" * (LARGEST_METADATA + 1), "larger than 16 MiB"),
    ],
    ids=["columns", "rows", "a row over many lines", "bytes"],
)
def test_a_table_beyond_the_limits_is_not_read_and_an_archivist_is_asked(tmp_path: Path, text: str, why: str):
    assert stated(tmp_path, text) == {}
    issue = unread_description(tmp_path, RelativePath("metadata.csv"), NAME)
    assert issue is not None
    assert (issue.code, issue.severity) == (codes.DESCRIPTION_TOO_LARGE, Severity.QUESTION)
    assert why in issue.message


@pytest.mark.parametrize("text", [b"title\nK\xf6ln\n", b'title\n"' + b"x" * 200_000])
def test_what_is_no_table_in_utf_8_is_a_warning(tmp_path: Path, text: bytes):
    assert stated(tmp_path, text) == {}
    issue = unread_description(tmp_path, RelativePath("metadata.csv"), NAME)
    assert issue is not None
    assert (issue.code, issue.severity) == (codes.DESCRIPTION_NO_TABLE, Severity.WARNING)


def test_a_table_at_the_limits_is_read(tmp_path: Path):
    stated(tmp_path, "title," * (MOST_COLUMNS - 1) + "title\n" + "a\n" * 1_000)
    assert unread_description(tmp_path, RelativePath("metadata.csv"), NAME) is None
