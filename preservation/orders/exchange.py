"""How a list of orders comes out of the cage: rows of text, and what is wrong with the file itself."""

from typing import Final

import msgspec

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
"""So long and so wide may a list be, in whatever form."""


class ListFault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a list, and in which row and column; ``0`` and ``""`` where in none."""

    row: int
    column: str
    sentence: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        named = (f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else "")
        return ", ".join(filter(None, named))


class ListRow(msgspec.Struct, frozen=True):
    """One row: its number in the file, the first being 1, and its cells as text."""

    number: int
    cells: tuple[str, ...]


class ReadList(msgspec.Struct, frozen=True):
    """A list of orders. ``form`` says what it was read as; ``rows`` are empty where there are ``faults``.

    ``digest`` is the SHA-256 of the very bytes that were read, where all of them were.
    """

    form: str
    rows: tuple[ListRow, ...] = ()
    faults: tuple[ListFault, ...] = ()
    digest: str = ""


def column_letters(index: int) -> str:
    """Return what a spreadsheet program calls the column, the first being 0: ``A``, ``Z``, ``AA``."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
