"""What a table of metadata says of the object and of its files, and what it does not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from preservation.descriptions import issues
from preservation.descriptions.headings import element_of, names_a_file
from preservation.descriptions.table import (
    NoTableError,
    Table,
    TableAllowance,
    TableLimitError,
    TableRow,
    read_table,
)
from preservation.manifests.drop_names import DropNames
from preservation.manifests.places import Places
from preservation.model.descriptions import DescribedFile, Statements
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, folded

_METADATA_FILE: Final = "metadata.csv"
_WHOLE_OBJECT = frozenset({".", "objects"})


def describes_objects(path: RelativePath) -> bool:
    """Say whether a descriptive file of that name is read for statements."""
    return path.rpartition("/")[2].lower() == _METADATA_FILE


@dataclass(slots=True)
class ReadTable:
    """What one table says. ``table`` is ``None`` where it could not be read: ``issues`` say why."""

    path: RelativePath
    table: Table | None = None
    rows: int = 0
    statements: Statements = field(default_factory=dict)
    files: dict[RelativePath, Statements] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def described(self) -> Iterable[DescribedFile]:
        """Give the files that it describes."""
        return (DescribedFile(path, statements) for path, statements in self.files.items())


def read_description(
    root: Path,
    path: RelativePath,
    name: ObjectName,
    *,
    drop: Path | None = None,
    names: DropNames | None = None,
    allowance: TableAllowance | None = None,
) -> ReadTable:
    """Return what the table at ``path`` below ``root`` says of the object ``name`` and the files of ``drop``.

    ``drop`` is ``root`` where nothing else is said. The object is described by the row that names it, or by
    the only row of a table without a column of names; a file by the row that names it, as a manifest would.
    """
    found = ReadTable(path)
    try:
        table = read_table(root, path, allowance or TableAllowance())
        _read(found, table, name, Places(drop or root, path, names))
    except TableLimitError as failure:
        found = ReadTable(path, issues=[issues.too_large(path, str(failure))])
    except NoTableError as failure:
        found = ReadTable(path, issues=[issues.no_table(path, str(failure))])
    except OSError:
        # The survey has an issue of its own about a file that cannot be read.
        found = ReadTable(path)
    return found


def _read(found: ReadTable, table: Table, name: ObjectName, places: Places) -> None:
    headings = table.headings
    of_names = [number for number, heading in enumerate(headings) if names_a_file(heading)]
    of_identifiers = [
        number for number, heading in enumerate(headings) if element_of(heading) == "identifier"
    ]
    found.table = table
    places.settle(name_in(row.cells, of_names) for row in table.rows())
    without_file: list[str] = []
    missing = 0
    alone: TableRow | None = None
    for row in table.rows():
        found.rows += 1
        alone = row if found.rows == 1 else None
        if not found.statements and names_object(row.cells, (*of_names, *of_identifiers), name):
            found.statements = _statements(headings, row.cells)
            continue
        place = places.of(name_in(row.cells, of_names)) if of_names else None
        if place is not None:
            _add(found.files.setdefault(place.path, {}), _statements(headings, row.cells))
        elif of_names:
            missing += 1
            if len(without_file) < issues.NAMED:
                without_file.append(f"line {row.line} {name_in(row.cells, of_names)[: issues.SHOWN]!r}")
    if not of_names and alone is not None and not found.statements:
        found.statements = _statements(headings, alone.cells)
    if table.is_guessed:
        found.issues.append(issues.encoding_guessed(found.path, _example(found)))
    if missing:
        found.issues.append(issues.rows_without_file(found.path, missing, without_file))
    if not found.statements and not any(found.files.values()):
        found.issues.append(issues.says_nothing(found.path, _why_nothing(found, of_names), name))


def name_in(cells: Sequence[str], columns: Iterable[int]) -> str:
    """Return the name in the first of the columns that has one, empty where none has."""
    return next((cells[one].strip() for one in columns if one < len(cells) and cells[one].strip()), "")


def names_object(cells: Sequence[str], columns: Iterable[int], name: ObjectName) -> bool:
    """Say whether a row names the object in one of these columns, or the whole drop."""
    for column in columns:
        place = cells[column].strip().removeprefix("./").rstrip("/") if column < len(cells) else ""
        if place in _WHOLE_OBJECT or (place and folded(place.removeprefix("objects/")) == folded(name)):
            return True
    return False


def _statements(headings: Sequence[str], cells: Sequence[str]) -> Statements:
    statements: Statements = {}
    for heading, value in zip(headings, cells, strict=False):
        element = element_of(heading)
        if element is not None and value.strip():
            statements.setdefault(element, []).append(value.strip())
    return statements


def _add(statements: Statements, more: Statements) -> None:
    for element, values in more.items():
        statements.setdefault(element, []).extend(values)


def _example(found: ReadTable) -> str:
    """Return a value that is not ASCII, so that people see whether it was read as it was meant."""
    everything = (found.statements, *found.files.values())
    values = (value for statements in everything for several in statements.values() for value in several)
    return next((value for value in values if not value.isascii()), "")[: issues.SHOWN]


def _why_nothing(found: ReadTable, of_names: Sequence[int]) -> str:
    table = found.table
    headings = [] if table is None else table.headings
    if not headings:
        return "it is empty"
    if not any(map(element_of, headings)):
        shown = ", ".join(headings[: issues.NAMED])[: issues.SHOWN]
        return f"none of its columns is headed as one of Dublin Core ({shown!r})"
    if not found.rows:
        return "it has headings and no row below them"
    if not of_names:
        return f"it has {found.rows:,} rows, and no column says which of them is about the object"
    return "no row of it names the object, or a file of the drop"
