"""What a package says about its whole object: supplied in a ``metadata.csv`` or counted, never invented."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from preservation.files.beneath import open_plain_file
from preservation.model.identifiers import ObjectId, ObjectName
from preservation.model.paths import RelativePath
from preservation.packaging.payload import PayloadTally
from preservation.premis.dublin_core import ELEMENTS

_METADATA_FILE: Final = "metadata.csv"
_LARGEST_METADATA_BYTES: Final = 16 << 20

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


def supplied_statements(source: Path, name: ObjectName) -> Statements:
    """Return what the ``metadata.csv`` at ``source`` says about the object ``name``; often nothing.

    That is the row whose ``filename`` (or a like column) names the object, or the only row of a table
    without such a column. Headings are taken as people write them: ``dc.title``, ``dcterms:created``,
    ``Title``. A file that is no CSV in UTF-8, or larger than 16 MiB, says nothing here; it is kept as it is.
    """
    try:
        with os.fdopen(open_plain_file(source), newline="", encoding="utf-8-sig") as lines:
            if os.fstat(lines.fileno()).st_size > _LARGEST_METADATA_BYTES:
                return {}
            cells = _cells_about(name, csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error):
        # Whether its bytes can still be read is for replication to find: it reads all of them.
        return {}
    statements: Statements = {}
    for heading, value in cells:
        element = _element(heading)
        if element is not None and value.strip():
            statements.setdefault(element, []).append(value.strip())
    return statements


def _cells_about(name: ObjectName, rows: Iterator[list[str]]) -> list[tuple[str, str]]:
    """Return the cells of the row about the object, each with its heading; empty where there is none."""
    headings = next(rows, [])
    by_file = [at for at, heading in enumerate(headings) if heading.strip().lower() in _FILE_HEADINGS]
    by_identifier = [at for at, heading in enumerate(headings) if _element(heading) == "identifier"]
    others: list[list[str]] = []
    for row in rows:
        if any(_names_object(row[at], name) for at in (*by_file, *by_identifier) if at < len(row)):
            return list(zip(headings, row, strict=False))
        if any(cell.strip() for cell in row) and len(others) <= 1:
            others.append(row)
    if by_file or len(others) != 1:
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
