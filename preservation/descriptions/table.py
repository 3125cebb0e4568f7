"""Opening a table of values: its encoding, what separates its columns, and its rows, within limits."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from preservation.descriptions.headings import is_known
from preservation.files.encoding import unicode_encoding
from preservation.long_paths import opened_file
from preservation.model.paths import RelativePath

LARGEST_METADATA: Final = 16 << 20
"""Bytes of all the tables of a drop."""
MOST_COLUMNS: Final = 1_000
MOST_ROWS: Final = 1_000_000
LONGEST_ROW: Final = 1 << 20
"""Characters, line ends within quotes included. A field of more than 131,072 is none that ``csv`` reads."""

_WINDOWS: Final = "cp1252"
_SEPARATORS: Final = (",", ";", "\t", "|")
_NAMED_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_NAMED_ENCODINGS: Final = {"utf-8-sig": "UTF-8", _WINDOWS: "Windows-1252"}
_DECODED_AT_ONCE: Final = 1 << 20


class TableLimitError(Exception):
    """A table goes beyond what is read. The message says in what."""


class NoTableError(Exception):
    """A file is no table that can be read. The message says why."""


@dataclass(slots=True)
class TableAllowance:
    """How many bytes of tables may still be read of one drop."""

    bytes: int = LARGEST_METADATA


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: the number of the line that it ends on, and its cells."""

    line: int
    cells: list[str]


class Table:
    """A table with its headings, as it lies in memory: its rows may be read any number of times.

    ``is_guessed`` says that it is not in Unicode, so that its encoding is a guess.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._encoding = _encoding_of(content)
        self.is_guessed = self._encoding == _WINDOWS
        self._separator = ","
        self.headings: list[str] = []
        most = -1
        fault: NoTableError | None = None
        for separator in _SEPARATORS:
            try:
                headings = next(self._filled_rows(separator), TableRow(0, [])).cells
            except NoTableError as error:
                # Quotes that are right with one separator are wrong with another.
                fault = fault or error
                continue
            known = sum(map(is_known, headings))
            if known > most:
                self._separator, self.headings, most = separator, headings, known
        if fault is not None and most < 0:
            raise fault

    @property
    def encoding(self) -> str:
        """The name of its encoding, for people."""
        return _NAMED_ENCODINGS.get(self._encoding, "UTF-16")

    @property
    def separator(self) -> str:
        """What separates its columns, for people."""
        return _NAMED_SEPARATORS[self._separator]

    def rows(self) -> Iterator[TableRow]:
        """Give the rows below the headings that are not empty.

        Raises ``TableLimitError`` and ``NoTableError``.
        """
        rows = self._filled_rows(self._separator)
        next(rows, None)
        return rows

    def _filled_rows(self, separator: str) -> Iterator[TableRow]:
        with io.TextIOWrapper(io.BytesIO(self._content), self._encoding, newline="") as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=separator, strict=True)
            try:
                for number, cells in enumerate(reader):
                    if number > MOST_ROWS:
                        raise TableLimitError(f"it has more than {MOST_ROWS:,} rows")
                    if len(cells) > MOST_COLUMNS:
                        raise TableLimitError(f"it has more than {MOST_COLUMNS:,} columns")
                    lines.of_this_row = 0
                    # A spreadsheet program may put a line before all others that names the separator.
                    if any(map(str.strip, cells)) and "".join(cells) not in {"sep=", f"sep={separator}"}:
                        yield TableRow(reader.line_num, cells)
            except csv.Error as error:
                raise NoTableError(f"line {reader.line_num}: {error}") from error


def read_table(root: Path, path: RelativePath, allowance: TableAllowance) -> Table:
    """Open the table at ``path`` below ``root``, each byte of it looked at a fixed number of times.

    Raises ``OSError``, ``TableLimitError`` where it goes beyond the limits, and ``NoTableError``.
    """
    with opened_file(root, path) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > allowance.bytes:
            whole = TableAllowance().bytes >> 20
            alone = size > TableAllowance().bytes
            raise TableLimitError(
                f"it is larger than {whole} MiB"
                if alone
                else f"the tables of one drop are read up to {whole} MiB"
            )
        allowance.bytes -= size
        with open(descriptor, "rb", closefd=False) as stream:
            return Table(stream.read(size))


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
            raise TableLimitError(f"a row of it has {LONGEST_ROW:,} characters or more")
        if not line:
            raise StopIteration
        return line


def _encoding_of(content: bytes) -> str:
    encoding = unicode_encoding(content[:4096])
    if encoding is None or (encoding == "utf-8-sig" and b"\0" in content):
        raise NoTableError("it is not text")
    for tried in dict.fromkeys((encoding, _WINDOWS if encoding == "utf-8-sig" else encoding)):
        try:
            with io.TextIOWrapper(io.BytesIO(content), tried) as text:
                while text.read(_DECODED_AT_ONCE):
                    pass
        except UnicodeDecodeError:
            continue
        return tried
    raise NoTableError("its characters are broken")
