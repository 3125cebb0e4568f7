"""Tables of metadata as people and programs write them: what they say, and what is reported of them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from preservation.descriptions import codes
from preservation.descriptions.drop import DescribedDrop
from preservation.descriptions.reading import ReadTable, read_description
from preservation.descriptions.table import LARGEST_METADATA, LONGEST_ROW, MOST_COLUMNS, MOST_ROWS
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath

NAME = ObjectName("sheet-012")
PATH = RelativePath("metadata.csv")


def read(tmp_path: Path, text: str | bytes, name: ObjectName = NAME) -> ReadTable:
    (tmp_path / "metadata.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_description(tmp_path, PATH, name)


def stated(tmp_path: Path, text: str | bytes) -> dict[str, list[str]]:
    return read(tmp_path, text).statements


def codes_of(found: ReadTable) -> list[str]:
    return [issue.code for issue in found.issues]


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
        b"\x00\xff\xfe",
        b'title\n"' + b"x" * 200_000,
    ],
    ids=["empty", "one-page", "two-rows", "two-pages", "binary", "endless-cell"],
)
def test_what_is_not_said_about_the_object_is_not_made_up(tmp_path: Path, text: str | bytes):
    assert stated(tmp_path, text) == {}


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path):
    assert stated(tmp_path, b"\xef\xbb\xbftitle\nA map\n") == {"title": ["A map"]}


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
    (issue,) = read(tmp_path, text).issues
    assert (issue.code, issue.severity) == (codes.TOO_LARGE, Severity.QUESTION)
    assert why in issue.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\x00\xff\xfe\x00", "not text"),
        (b"title\nK\x81ln\n", "characters are broken"),
        (b'title\n"' + b"x" * 200_000, "line 2"),
        (b'title,date\n"A map,1911\nAnother,1912\n', "unexpected end of data"),
        (b'title\n"A "map"\n', "line 2"),
    ],
)
def test_what_is_no_table_is_a_warning_that_says_why(tmp_path: Path, text: bytes, why: str):
    found = read(tmp_path, text)

    (issue,) = found.issues
    assert (found.statements, issue.code, issue.severity) == ({}, codes.NO_TABLE, Severity.WARNING)
    assert why in issue.message


def test_a_table_at_the_limits_is_read(tmp_path: Path):
    found = read(tmp_path, "title," * (MOST_COLUMNS - 1) + "title\n" + "a\n" * 1_000)
    assert (found.rows, codes_of(found)) == (1_000, [codes.SAYS_NOTHING])


TITLE = "M\u00fchle \u201eam Bach\u201c"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "filename,dc.title,dc.creator\nsheet-012,{title},Kastl\n",
        "\n\n \nfilename,dc.title,dc.creator\n\nsheet-012,{title},Kastl\n",
        "filename;dc.title;dc.creator\r\nsheet-012;{title};Kastl\r\n",
        "sep=;\r\nfilename;dc.title;dc.creator\r\nsheet-012;{title};Kastl\r\n",
        "filename\tdc.title\tdc.creator\nsheet-012\t{title}\tKastl\n",
        "Filename|DC.Title|DC.Creator\nsheet-012|{title}|Kastl\n",
        "filename,dc.title,dc.creator\rsheet-012,{title},Kastl\r",
        '"filename","dc.title","dc.creator"\n"sheet-012","{title}","Kastl"\n',
    ],
    ids=["commas", "blank lines", "semicolons", "sep", "tabs", "bars", "old mac", "quotes"],
)
def test_a_table_is_read_however_a_program_saved_it(tmp_path: Path, text: str, encoding: str):
    found = read(tmp_path, text.format(title=TITLE).encode(encoding))

    assert found.statements == {"title": [TITLE], "creator": ["Kastl"]}
    assert found.issues == []


def test_a_table_in_the_code_page_of_windows_is_read_and_the_user_sees_how(tmp_path: Path):
    found = read(tmp_path, f"filename,dc.title\nsheet-012,{TITLE}\n".encode("cp1252"))

    (issue,) = found.issues
    assert found.statements == {"title": [TITLE]}
    assert (issue.code, issue.severity) == (codes.ENCODING_GUESSED, Severity.WARNING)
    assert TITLE in issue.message


@pytest.mark.parametrize(("cell", "own"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_with_accents_is_found_in_either_form(tmp_path: Path, cell: str, own: str):
    written, name = (unicodedata.normalize(form, "Montr\u00e9al") for form in (cell, own))  # type: ignore[arg-type]
    found = read(tmp_path, f"filename,dc.title\n{written},Ville\n", ObjectName(name))

    assert (found.statements, found.issues) == ({"title": ["Ville"]}, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("filename,dc.title\n", "no row below"),
        ("filename,shelfmark\nsheet-012,X 1\n", "none of its columns is headed as one of Dublin Core"),
        ("title\nA map\nAnother\n", "2 rows, and no column says which"),
        ("filename,title\nanother-object,A map\n", "no row of it names the object"),
    ],
)
def test_a_table_that_gave_nothing_is_a_warning_with_the_reason(tmp_path: Path, text: str, why: str):
    found = read(tmp_path, text)

    assert (found.statements, found.files) == ({}, {})
    issue = found.issues[-1]
    assert (issue.code, issue.severity) == (codes.SAYS_NOTHING, Severity.WARNING)
    assert why in issue.message


@pytest.mark.parametrize("place", ["metadata.csv", "metadata/metadata.csv"])
@pytest.mark.parametrize("prefix", ["objects/", "", "objects\\", "C:\\scans\\objects\\"])
def test_rows_about_files_are_kept_for_each_file(tmp_path: Path, place: str, prefix: str):
    for name in ("objects/p1.tif", "objects/P2.TIF", "objects/p3.tif", place):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    if prefix == "" and place == "metadata.csv":
        pytest.skip("nothing says that such names are about objects/")
    rows = (
        f"objects,The book,\n{prefix}p1.tif,Page one,1911\n{prefix}p2.tif,Page two,\n{prefix}p9.tif,Gone,\n"
    )
    (tmp_path / place).write_text(f"filename,dc.title,dc.date\n{rows}", "utf-8")
    paths = [RelativePath(f"objects/{name}") for name in ("P2.TIF", "p1.tif", "p3.tif")]
    drop = DescribedDrop(tmp_path, [RelativePath(place)], NAME)

    files = list(drop.files(paths))
    description = drop.description([*paths, RelativePath(place)], lambda path: path == place)

    assert [(file.path, file.statements) for file in files] == [
        ("objects/P2.TIF", {"title": ["Page two"]}),
        ("objects/p1.tif", {"title": ["Page one"], "date": ["1911"]}),
    ]
    assert description.statements == {"title": ["The book"]}
    without_file, without_row = description.issues
    assert (without_file.code, "line 5" in without_file.message) == (codes.ROWS_WITHOUT_FILE, True)
    assert (without_row.code, "'objects/p3.tif'" in without_row.message) == (codes.FILES_WITHOUT_ROW, True)


def test_the_tables_of_a_drop_are_limited_together(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.csv").write_bytes(b"title\n" + b"x\n" * (LARGEST_METADATA // 3))
    paths = [RelativePath(f"{name}/metadata.csv") for name in ("a", "b")]

    issues = DescribedDrop(tmp_path, paths, NAME).description((), lambda _: True).issues

    assert [issue.code for issue in issues] == [codes.TOO_LARGE, codes.TOO_LARGE]
