"""What a package says about its whole object: supplied in a ``metadata.csv`` or counted, never invented."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from preservation.long_paths import opened_file
from preservation.model.identifiers import ObjectId, ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, printable
from preservation.packaging import codes
from preservation.packaging.payload import PayloadTally
from preservation.premis.dublin_core import ELEMENTS

_METADATA_FILE: Final = "metadata.csv"

LARGEST_METADATA: Final = 16 << 20
"""Bytes of a ``metadata.csv``."""
MOST_COLUMNS: Final = 1_000
MOST_ROWS: Final = 1_000_000
LONGEST_ROW: Final = 1 << 20
"""Characters, line ends within quotes included. A field of more than 131,072 is none that ``csv`` reads."""

_PREFIXES = {"dc", "dcterms"}
_BETWEEN_WORDS = re.compile(r"[.:_\s\[\]]+")
_REFINED = {
    "abstract": "description", "alternative": "title", "created": "date", "extent": "format",
    "ispartof": "relation", "issued": "date", "medium": "format", "provenance": "source",
    "rightsholder": "rights", "spatial": "coverage", "tableofcontents": "description", "temporal": "coverage",
}  # fmt: skip

_FILE_HEADINGS = frozenset({"filename", "file", "object", "path", "parts"})
_WHOLE_OBJECT = frozenset({".", "objects"})

Statements: TypeAlias = dict[str, list[str]]
"""Dublin Core elements with their values, in order."""


def describes_objects(path: RelativePath) -> bool:
    """Say whether a descriptive file of that name is read for statements about the object."""
    return path.rpartition("/")[2].lower() == _METADATA_FILE


def statements_about(object_id: ObjectId, tally: PayloadTally, supplied: Statements) -> Statements:
    """Return what the package says about its object in Dublin Core.

    The object's own name stands as its title where none is supplied: people gave it that name.
    Formats and extent are counted; a date stands there only if one was supplied.
    """
    statements = {element: list(values) for element, values in supplied.items()}
    statements.setdefault("title", [object_id.name])
    statements.setdefault("identifier", []).insert(0, str(object_id))
    statements.setdefault("format", []).extend(
        (
            *sorted(filter(None, tally.media_types)),
            f"{tally.originals} file{'s' * (tally.originals != 1)}, {tally.original_bytes} bytes",
        )
    )
    return statements


class _TooMuchError(Exception):
    """A table goes beyond what is read. The message says in what."""


def supplied_statements(root: Path, path: RelativePath, name: ObjectName) -> Statements:
    """Return what the ``metadata.csv`` at ``path`` says about the object ``name``; often nothing.

    That is the row whose ``filename`` (or a like column) names the object, or the only row of a table
    without such a column. Headings are taken as people write them: ``dc.title``, ``dcterms:created``,
    ``Title``. A file that is no CSV in UTF-8, or goes beyond the limits, says nothing here; it is kept as it
    is. ``path`` is below ``root``.
    """
    try:
        cells = _read(root, path, name)
    except (OSError, UnicodeDecodeError, csv.Error, _TooMuchError):
        # Whether its bytes can still be read is for replication to find: it reads all of them.
        return {}
    statements: Statements = {}
    for heading, value in cells:
        element = _element(heading)
        if element is not None and value.strip():
            statements.setdefault(element, []).append(value.strip())
    return statements


def unread_description(root: Path, path: RelativePath, name: ObjectName) -> Issue | None:
    """Return why ``supplied_statements`` says nothing of a ``metadata.csv``, ``None`` where it was read."""
    try:
        _read(root, path, name)
    except _TooMuchError as failure:
        message = f"{printable(path)!r} is not read for the description of the object: {failure}."
        next_step = "Make it smaller; or approve the drop, and the file is kept and described nowhere."
        return Issue(codes.DESCRIPTION_TOO_LARGE, Severity.QUESTION, message, path, next_step)
    except (UnicodeDecodeError, csv.Error) as failure:
        why = "it is not UTF-8" if isinstance(failure, UnicodeDecodeError) else str(failure)
        message = f"{printable(path)!r} is not read for the description of the object: {why}."
        next_step = "Save it as CSV in UTF-8 if the package is to say what stands in it."
        return Issue(codes.DESCRIPTION_NO_TABLE, Severity.WARNING, message, path, next_step)
    except OSError:
        # The survey has an issue of its own about a file that cannot be read.
        return None
    return None


def _read(root: Path, path: RelativePath, name: ObjectName) -> list[tuple[str, str]]:
    """Return the cells about the object with their headings, each byte looked at once, in bounded memory."""
    with opened_file(root, path) as descriptor:
        if os.fstat(descriptor).st_size > LARGEST_METADATA:
            raise _TooMuchError(f"it is larger than {LARGEST_METADATA >> 20} MiB")
        with open(descriptor, newline="", encoding="utf-8-sig", closefd=False) as text:
            return _cells_about(name, _rows(text))


class _Lines:
    """The lines of a table, as long as those of one row are not too long together."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.of_this_row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_ROW)
        self.of_this_row += len(line)
        if self.of_this_row >= LONGEST_ROW:
            raise _TooMuchError(f"a row of it has {LONGEST_ROW:,} characters or more")
        if not line:
            raise StopIteration
        return line


def _rows(text: TextIO) -> Iterator[list[str]]:
    lines = _Lines(text)
    for number, row in enumerate(csv.reader(lines)):
        if number > MOST_ROWS:
            raise _TooMuchError(f"it has more than {MOST_ROWS:,} rows")
        if len(row) > MOST_COLUMNS:
            raise _TooMuchError(f"it has more than {MOST_COLUMNS:,} columns")
        yield row
        lines.of_this_row = 0


def _cells_about(name: ObjectName, rows: Iterator[list[str]]) -> list[tuple[str, str]]:
    """Return the cells of the row about the object, each with its heading; empty where there is none."""
    headings = next(rows, [])
    names_a_file = [heading.strip().lower() in _FILE_HEADINGS for heading in headings]
    names = [
        of_file or _element(heading) == "identifier"
        for of_file, heading in zip(names_a_file, headings, strict=True)
    ]
    others: list[list[str]] = []
    for row in rows:
        if any(_names_object(cell, name) for cell, may in zip(row, names, strict=False) if may):
            return list(zip(headings, row, strict=False))
        if len(others) <= 1 and any(cell.strip() for cell in row):
            others.append(row)
    if any(names_a_file) or len(others) != 1:
        return []
    return list(zip(headings, others[0], strict=False))


def _names_object(cell: str, name: ObjectName) -> bool:
    place = cell.strip().removeprefix("./").rstrip("/")
    return place in _WHOLE_OBJECT or place.removeprefix("objects/") == name


def _element(heading: str) -> str | None:
    words = [word for word in _BETWEEN_WORDS.split(heading.strip().lower()) if word]
    if words and words[0] in _PREFIXES:
        words = words[1:2]
    if len(words) != 1:
        return None
    return words[0] if words[0] in ELEMENTS else _REFINED.get(words[0])
