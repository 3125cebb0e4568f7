"""Tables that people open in a spreadsheet program: the one place where CSV is written.

A cell that begins as a formula does would be run as one: a file that was dropped may be called
``=HYPERLINK(…)``. Such a cell gets an apostrophe before it, and so does one that begins with an apostrophe
already, so that taking one away gives back what was meant, whatever it was.
"""

import csv
from collections.abc import Callable, Iterable
from typing import Final

_APOSTROPHE: Final = "'"
# The wide forms count as formulas where Japanese or Chinese is set. LF is what some programs make of CR.
_BEGIN_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PREFIXED: Final = (_APOSTROPHE, *_BEGIN_FORMULAS)


def as_cell(text: str) -> str:
    """Return ``text`` as a spreadsheet program takes it for text."""
    return f"{_APOSTROPHE}{text}" if text.startswith(_PREFIXED) else text


def begins_as_formula(text: str) -> bool:
    """Say whether a spreadsheet program would take ``text`` for a formula."""
    return text.startswith(_BEGIN_FORMULAS)


def from_cell(cell: str) -> str:
    """Return the text that ``as_cell`` wrote as ``cell``."""
    return cell.removeprefix(_APOSTROPHE)


class Spreadsheet:
    """A table as CSV (RFC 4180, UTF-8), written as it grows."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._table = csv.writer(_Encoded(write))

    def add(self, cells: Iterable[str]) -> None:
        """Write one more line."""
        self._table.writerow(map(as_cell, cells))


class _Encoded:
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, text: str) -> object:
        return self._write(text.encode())
