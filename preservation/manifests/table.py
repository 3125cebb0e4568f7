"""Manifests that were written as a table, by a spreadsheet or a script: which column holds what."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Final

from preservation.model.digests import algorithm_of_length

_DELIMITERS: Final = ("\t", ";", ",")
_FILE_HEADINGS: Final = frozenset({"file", "filename", "filepath", "name", "path"})
_DIGEST_HEADINGS: Final = frozenset({
    "checksum", "digest", "hash", "md5", "md5sum", "sha1", "sha1sum", "sha256", "sha256sum", "sha512",
    "sha512sum",
})  # fmt: skip
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Row:
    """What one row says: a file, and the text of its digests."""

    file: str
    digests: tuple[str, ...]


class ManifestTable:
    """A table while its lines go by. Columns are known from the first row that holds a digest, or is headed.

    The digests are where that row has them, or in the columns that are headed as such. The file is in the
    column that is headed as one, or in the only other column there is.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._heading: list[str] = []
        self._columns: tuple[int, tuple[int, ...]] | None = None
        self._width = 0

    @classmethod
    def beginning_with(cls, line: str) -> ManifestTable | None:
        """Return a table of which ``line`` is the first, ``None`` where that neither heads nor lists."""
        for delimiter in _DELIMITERS:
            fields = _fields(line, delimiter)
            if len(fields) > 1 and (_is_heading(fields) or any(map(_is_digest, fields))):
                return cls(delimiter)
        return None

    def is_heading(self, line: str) -> bool:
        """Say whether ``line`` names the columns; it is one at most, and comes before all digests."""
        if self._heading or self._columns is not None:
            return False
        fields = _fields(line, self._delimiter)
        if not _is_heading(fields) or any(map(_is_digest, fields)):
            return False
        self._heading = [_word(field) for field in fields]
        return True

    def row(self, line: str) -> Row | None:
        """Return what ``line`` lists, ``None`` where it does not say."""
        fields = _fields(line, self._delimiter)
        if self._columns is None:
            self._columns = self._columns_of(fields)
            self._width = len(fields)
        if self._columns is None or len(fields) != self._width:
            return None
        file, digests = self._columns
        return Row(fields[file], tuple(fields[column] for column in digests))

    def _columns_of(self, fields: list[str]) -> tuple[int, tuple[int, ...]] | None:
        are_digests = [_is_digest(field) for field in fields]
        digests = tuple(column for column, is_digest in enumerate(are_digests) if is_digest)
        if not digests and len(self._heading) == len(fields):
            # Where the first digest is mistyped, it is where one should be.
            are_digests = [word in _DIGEST_HEADINGS for word in self._heading]
            digests = tuple(column for column, is_digest in enumerate(are_digests) if is_digest)
        others = [column for column, is_digest in enumerate(are_digests) if not is_digest]
        if len(self._heading) == len(fields):
            headed = [column for column in others if self._heading[column] in _FILE_HEADINGS]
            others = headed or others
        return (others[0], digests) if digests and len(others) == 1 else None


def _fields(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line (RFC 4180); none where its quotes do not close."""
    try:
        (fields,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
    except csv.Error:
        return []
    return [field.strip() if _is_digest(field.strip()) else field for field in fields]


def _is_heading(fields: list[str]) -> bool:
    return any(_word(field) in _FILE_HEADINGS | _DIGEST_HEADINGS for field in fields)


def _word(field: str) -> str:
    return _NOT_A_LETTER.sub("", field.lower())


def _is_digest(field: str) -> bool:
    return _HEXADECIMAL.fullmatch(field) is not None and algorithm_of_length(len(field)) is not None
