"""Tables of metadata held against a contract: each rule with one that breaks just that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.policies import a_file, a_policy

from preservation.errors import ConfigurationError
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.screening.drop_checks import drop_checks_for

NAME = ObjectName("ms-1387")
TABLE = "filename,dc.title,dc.date,dc.language,dc.identifier\n"
SOUND = (
    f"{TABLE}ms-1387,Letters,1901/1905,deu;fra,ms-1387\na.tif,Page 1,1901-05,deu,ms-1387-1\n"
    "b.tif,Page 2,1901?,fra,ms-1387-2\n"
)
ASKED = (
    "object_row = true",
    'row_for = ["*.tif"]',
    '[screen.columns."dc.title"]',
    "required = true",
    '[screen.columns."dc.date"]',
    'dates = "edtf-1"',
    '[screen.columns."dc.language"]',
    'values = ["deu", "fra"]',
    'separator = ";"',
    '[screen.columns."dc.identifier"]',
    'pattern = "{object}-{number:d}"',
    'rows = "files"',
    "unique = true",
)


def a_screen(*keys: str) -> str:
    lines = ('check = "descriptive-metadata"', 'outcome = "reject"', 'because = "It was ordered so."')
    return "\n".join(("[[screen]]", *lines, *keys, ""))


def found_in(root: Path, tables: Mapping[str, str | bytes], *keys: str, scans: str = "ab") -> list[Issue]:
    for path, content in tables.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    for scan in scans:
        (root / f"{scan}.tif").write_bytes(b"II")
    (check,) = drop_checks_for(a_policy(a_screen(*keys)), NAME, root)
    files = [a_file(path) for path in sorted([*tables, *(f"{scan}.tif" for scan in scans)])]
    return [*(issue for file in files for issue in check.look(file)), *check.close(iter(files))]


def faults(root: Path, table: str | bytes, *keys: str, scans: str = "ab") -> dict[str, str]:
    found = found_in(root, {"metadata.csv": table}, *(keys or ASKED), scans=scans)
    return {issue.code: issue.message for issue in found if issue.severity is Severity.ERROR}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_as_it_was_ordered_gives_no_finding(tmp_path: Path, encoding: str):
    assert found_in(tmp_path, {"metadata.csv": SOUND.encode(encoding)}, *ASKED) == []


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("dc.title,", "title,", "DSC-012", "1 table has no column 'dc.title': metadata.csv."),
        ("Page 2", " ", "DSC-013", "1 row has no value in the column 'dc.title': metadata.csv line 4."),
        ("fra,ms-1387-2", "ger,ms-1387-2", "DSC-014", "metadata.csv line 4 ('ger')"),
        ("deu;fra", "deu;ger;eng", "DSC-014", "2 values of the column 'dc.language' are none that"),
        ("1901-05,", "May 1901,", "DSC-015", "(level 1): metadata.csv line 3 ('May 1901')"),
        ("ms-1387-2", "ms-1378-2", "DSC-016", "{object}-{number:d}: metadata.csv line 4 ('ms-1378-2')"),
        ("ms-1387-2", "x/ms-1387-2", "DSC-016", "('x/ms-1387-2')"),
        ("ms-1387-2", "ms-1387-1", "DSC-017", "in another row, too: metadata.csv line 4 ('ms-1387-1')"),
        ("b.tif,", "b.tif,x,1901,deu,ms-1387-9\nz.tif,", "DSC-018", "metadata.csv line 5 ('z.tif')"),
        ("b.tif,", "b.tif,x,1901,deu,ms-1387-9\na.tif,", "DSC-019", "metadata.csv line 5 ('a.tif')"),
        ("b.tif,", ".,x,1901,deu,1\nb.tif,", "DSC-019", "metadata.csv line 4 ('.')"),
        ("ms-1387,Letters,1901/1905,deu;fra,ms-1387\n", "", "DSC-020", "'ms-1387'"),
        ("b.tif,Page 2,1901?,fra,ms-1387-2\n", "", "DSC-021", "1 file has no row in the metadata: b.tif."),
        ("fra,ms-1387-2", 'fra,"ms-1387-2', "DSC-011", "metadata.csv (line "),
        (SOUND, "a,b\0c\n", "DSC-011", "it is not text"),
    ],
)  # fmt: skip
def test_each_rule_finds_what_breaks_just_that(
    tmp_path: Path, before: str, after: str, code: str, words: str
):
    found = faults(tmp_path, SOUND.replace(before, after))
    assert set(found) == {code}
    assert words in found[code]


def test_a_drop_without_a_table_is_named(tmp_path: Path):
    (issue,) = found_in(tmp_path, {}, *ASKED)
    assert (issue.code, issue.severity, issue.because) == ("DSC-010", Severity.ERROR, "It was ordered so.")


def test_of_a_column_that_may_be_left_out_it_is_said_that_nothing_was_looked_at(tmp_path: Path):
    table = SOUND.replace("dc.date", "Date")
    (issue,) = found_in(tmp_path, {"metadata.csv": table}, *ASKED)
    assert (issue.code, issue.severity) == ("DSC-012", Severity.INFO)


def test_a_rule_about_the_object_is_not_asked_of_files(tmp_path: Path):
    table = "filename,dc.title,dc.rights\n.,Letters,CC0\na.tif,Page 1,\n"
    keys = ('[screen.columns."dc.rights"]', "required = true")
    assert list(faults(tmp_path, table, *keys)) == ["DSC-013"]
    assert faults(tmp_path, table, *keys, 'rows = "object"') == {}
    assert faults(tmp_path, table.replace("CC0", ""), *keys, 'rows = "files"')["DSC-013"].startswith("1 row")


def test_the_only_row_of_a_table_without_names_is_about_the_object(tmp_path: Path):
    assert faults(tmp_path, "dc.title\nLetters\n", "object_row = true") == {}
    assert "DSC-020" in faults(tmp_path, "dc.title\nLetters\nPages\n", "object_row = true")


def test_ten_thousand_rows_that_break_a_rule_are_one_finding(tmp_path: Path):
    rows = "".join(f"{number}.tif,May {number}\n" for number in range(10_000))
    found = faults(tmp_path, f"filename,date\n{rows}", "[screen.columns.date]", 'dates = "edtf-0"')
    assert set(found) == {"DSC-015", "DSC-018"}
    assert found["DSC-015"].startswith("10,000 values of the column 'date' are no date")
    assert all(len(message) < 500 for message in found.values())


def test_several_tables_are_held_against_one_contract_together(tmp_path: Path):
    tables = {
        "metadata.csv": f"{TABLE}.,Letters,,,\na.tif,1,,,ms-1387-1\n",
        "more/metadata.csv": f"{TABLE}../b.tif,2,,,ms-1387-2\n",
    }
    assert found_in(tmp_path, tables, *ASKED) == []


@settings(max_examples=40, deadline=None)
@given(content=st.one_of(st.binary(max_size=300), st.text('ab,;"\n\r\0\t|.=é', max_size=200).map(str.encode)))
def test_any_bytes_are_a_table_with_findings_or_none(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    root = tmp_path_factory.mktemp("drop")
    found = found_in(root, {"metadata.csv": content}, *ASKED)
    assert len(found) < 20
    assert all(issue.message.isprintable() for issue in found)


@pytest.mark.parametrize(
    "keys",
    [
        (),
        ("paths = []", "object_row = true"),
        ('[screen.columns."a"]', 'separator = " "'),
        ('[screen.columns."a"]', 'dates = "edtf-2"'),
        ('[screen.columns."a"]', 'pattern = "{a}{b}"'),
        ('[screen.columns."a"]', "[screen.columns.A]"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_a_fault_of_the_policy(keys: tuple[str, ...]):
    with pytest.raises(ConfigurationError):
        a_policy(a_screen(*keys))
