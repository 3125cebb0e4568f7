"""Every CSV that the product writes goes through one writer, which lets no dropped name be a formula."""

from __future__ import annotations

import ast
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from preservation.files.spreadsheet import as_cell, from_cell

WRITER = "preservation/files/spreadsheet.py"


def test_no_other_module_writes_csv(project: Path):
    found = {
        path.relative_to(project).as_posix()
        for room in ("preservation", "storage", "flows")
        for path in (project / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"writer", "DictWriter"})
        or (isinstance(node, ast.alias) and node.name in {"DictWriter", "writer"})
    }
    assert found == {WRITER}


@given(
    st.text()
    | st.sampled_from("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20").flatmap(
        lambda first: st.text().map(first.__add__)
    )
)
def test_a_cell_never_begins_as_a_formula_and_gives_back_its_text(text: str):
    cell = as_cell(text)
    assert from_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
