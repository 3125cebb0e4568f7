"""The reject list: a table that names what is to be scanned again, and nothing else."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from support.packages import AT, Drop, a_receipt, an_image, an_issue

from preservation.files.spreadsheet import from_cell
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PersonsDecision, Receipt
from preservation.receipt.rendering import render


def rows_of(receipt: Receipt, tmp_path: Path) -> list[list[str]]:
    """The rows below the headings; no row where there is no table."""
    table = render(receipt, tmp_path / "receipt").with_suffix(".csv")
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        headings, *rows = csv.reader(file)
    assert headings == ["object", "file", "code", "finding", "next step"]
    return rows


def a_drop_with(root: Path, **severities: Severity) -> Drop:
    """A drop with a file for each severity, and one without a finding."""
    drop = Drop(root)
    drop.add("sound.tif", b"x", screened=ScreenedFile(RelativePath(""), image=an_image()))
    for stem, severity in severities.items():
        issue = an_issue(f"{stem}.tif", severity)
        drop.add(f"{stem}.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    return drop


def test_a_row_names_each_file_because_of_which_a_drop_is_sent_back(tmp_path: Path):
    drop = a_drop_with(tmp_path, a=Severity.ERROR, b=Severity.WARNING, c=Severity.ERROR, d=Severity.QUESTION)
    lost = Issue(
        IssueCode("FIX-002"), Severity.ERROR, "e.tif is not there.", RelativePath("e.tif"), "Add it."
    )
    receipt = replace(a_receipt(drop, Verdict.REJECTED), issues=(lost,))

    again = "Scan this page again and drop the folder once more."
    assert rows_of(receipt, tmp_path) == [
        ["maps/sheet-012", "e.tif", "FIX-002", "e.tif is not there.", "Add it."],
        ["maps/sheet-012", "a.tif", "SCR-001", "a.tif breaks off in the middle.", again],
        ["maps/sheet-012", "c.tif", "SCR-001", "c.tif breaks off in the middle.", again],
    ]


@pytest.mark.parametrize(
    "verdict", [Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.WAITING, Verdict.INTERRUPTED]
)
def test_a_drop_that_is_not_sent_back_has_no_reject_list(tmp_path: Path, verdict: Verdict):
    drop = a_drop_with(tmp_path, a=Severity.ERROR, b=Severity.QUESTION)
    assert rows_of(a_receipt(drop, verdict), tmp_path) == []


def test_of_a_refused_drop_the_list_has_what_was_asked_and_who_refused_it(tmp_path: Path):
    drop = a_drop_with(tmp_path, a=Severity.WARNING, b=Severity.QUESTION)
    decision = PersonsDecision("A. Turner", "Page 2 is out of focus.", AT, approves=False)
    receipt = replace(a_receipt(drop, Verdict.REJECTED), decision=decision)

    assert [(row[1], row[4]) for row in rows_of(receipt, tmp_path)] == [("b.tif", "Refused by A. Turner.")]


def test_where_no_file_is_the_reason_the_list_says_what_the_verdict_says(tmp_path: Path):
    receipt = replace(a_receipt(a_drop_with(tmp_path), Verdict.REJECTED), sentence="It is empty.")
    assert rows_of(receipt, tmp_path) == [["maps/sheet-012", "", "", "It is empty.", ""]]


def test_a_hostile_name_is_text_in_every_cell_that_it_is_in(tmp_path: Path):
    drop = Drop(tmp_path)
    name = '=HYPERLINK("x").tif\n@evil'
    issue = an_issue(name, message=f"{name} breaks off.")
    drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    [row] = rows_of(a_receipt(drop, Verdict.REJECTED), tmp_path)

    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert from_cell(row[1]) == '=HYPERLINK("x").tif\\n@evil'
