"""``muniment metadata``: check a table of descriptive metadata before it is dropped, and print an example."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import say, say_issues, say_json
from preservation.model.amounts import count
from preservation.model.identifiers import ObjectName
from preservation.model.paths import RelativePath, printable

if TYPE_CHECKING:
    from preservation.descriptions.reading import ReadTable
    from preservation.model.descriptions import Statements
    from preservation.model.issues import Issue

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check tables of descriptive metadata; print an example.",
)

_FILES_SHOWN = 20
_ROWS_NAMED = 5
_EXAMPLE = (
    ("filename", "dc.title", "dc.creator", "dc.date", "dc.subject", "dc.rights"),
    (".", "Views of the old mill", "Ann Example", "1911", "Mills", "Public domain"),
    ("plate-1.tif", "Mill race", "Ann Example", "1911", "", ""),
    ("plate-2.tif", "Weir, seen from the bridge", "Ann Example", "1912", "Weirs", ""),
)


@VERBS.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A metadata.csv, wherever it lies.")],
    drop: Annotated[
        Path | None,
        typer.Argument(metavar="[DROP]", help="The folder that it is about; else the one that FILE lies in."),
    ] = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The object's name; else that of DROP.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Show what a metadata.csv would say of an object and its files, and what not. Nothing is kept.

    Exit code 0: it says something; 3: it cannot be read, says nothing, or has rows for files that are not in
    DROP; 6: FILE or DROP is not there.

    Example: muniment metadata check metadata.csv ~/scans/sheet-012
    """
    from preservation.descriptions.codes import ROWS_WITHOUT_FILE, SAYS_NOTHING
    from preservation.errors import NotFoundError, UnacceptableContentError

    if not file.is_file():
        raise NotFoundError(f"{printable(str(file))}: there is no such file; check the path")
    if drop is not None and not drop.is_dir():
        raise NotFoundError(f"{printable(str(drop))}: there is no such folder; check the path")
    found, issues = _read(file.resolve(), _folder_about(file, drop), name)
    if json:
        _say_json(file, found, issues)
    else:
        _say(file, found, issues)
    if found.table is None or {ROWS_WITHOUT_FILE, SAYS_NOTHING} & {issue.code for issue in issues}:
        raise typer.Exit(UnacceptableContentError.exit_code)


@VERBS.command()
def template() -> None:
    """Write an example of a metadata.csv to stdout: one row about the object, one about each file.

    Example: muniment metadata template > metadata.csv
    """
    from preservation.files.spreadsheet import Spreadsheet

    table = Spreadsheet(sys.stdout.buffer.write)
    for row in _EXAMPLE:
        table.add(row)
    sys.stdout.buffer.flush()


def _folder_about(file: Path, drop: Path | None) -> Path:
    """Return the folder that the table is about. The paths are the user's, links and all."""
    if drop is not None:
        return drop.resolve()
    own = file.resolve().parent
    return own.parent if own.name.lower() == "metadata" else own


def _read(file: Path, drop: Path, name: str) -> tuple[ReadTable, tuple[Issue, ...]]:
    from preservation.descriptions.issues import files_without_row
    from preservation.descriptions.reading import read_description
    from preservation.survey.supplied import goes_unlisted
    from preservation.survey.walk import files_where

    root = drop if file.is_relative_to(drop) else file.parent
    path = RelativePath(os.fspath(file.relative_to(root)))
    found = read_description(root, path, ObjectName(name or drop.name), drop=drop)
    if not found.files:
        return found, tuple(found.issues)
    without = [
        entry.path
        for entry in files_where(drop, lambda one: one not in found.files and not goes_unlisted(one))
    ]
    more = (files_without_row(path, len(without), without[:_ROWS_NAMED]),) if without else ()
    return found, (*found.issues, *more)


def _columns(found: ReadTable) -> list[tuple[str, str | None]]:
    from preservation.descriptions.headings import element_of, names_a_file

    headings = [] if found.table is None else found.table.headings
    return [(one, "file" if names_a_file(one) else element_of(one)) for one in headings]


def _say_json(file: Path, found: ReadTable, issues: tuple[Issue, ...]) -> None:
    table = found.table
    say_json(
        {
            "path": printable(str(file)),
            "read": table is not None,
            "encoding": None if table is None else table.encoding,
            "separator": None if table is None else table.separator,
            "columns": [{"heading": heading, "is": what} for heading, what in _columns(found)],
            "rows": found.rows,
            "object": found.statements,
            "files": [
                {"path": printable(path), "description": statements}
                for path, statements in found.files.items()
            ],
            "issues": issues,
        }
    )


def _say(file: Path, found: ReadTable, issues: tuple[Issue, ...]) -> None:
    if found.table is None:
        say(f"{printable(str(file))} cannot be read")
    else:
        say(
            f"{printable(str(file))}: {found.table.encoding}, separated by {found.table.separator}, "
            f"{count(found.rows, 'row')} below the headings"
        )
        for heading, what in _columns(found):
            say(f"  {printable(heading)[:60]!r} {'is not read' if what is None else f'is {what}'}")
        say(f"  the object: {_words(found.statements) or 'nothing is said'}")
        for path, statements in list(found.files.items())[:_FILES_SHOWN]:
            say(f"  {printable(path)}: {_words(statements) or 'nothing is said'}")
        if len(found.files) > _FILES_SHOWN:
            say(f"  and {len(found.files) - _FILES_SHOWN:,} files more: --json has all")
    say_issues(issues, "--json has all")


def _words(statements: Statements) -> str:
    return "; ".join(
        f"{element}: {printable(', '.join(values))[:200]}" for element, values in statements.items()
    )
