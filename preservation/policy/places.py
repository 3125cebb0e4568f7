"""On which line of a TOML document each key and each array item stands. ``tomllib`` does not give lines.

It walks a document that ``tomllib`` has read without complaint, and so need not check any grammar.
"""

import re
import tomllib
from typing import TypeAlias

Steps: TypeAlias = tuple[str | int, ...]
"""Keys and array indexes from the top of the document: ``("rule", 0, "when", "puid", 2)``."""

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_STRING = re.compile(
    r"""
    \"{3} (?: \\. | [^\\] )*? \"{3} \"{0,2}
    | '{3} .*? '{3} '{0,2}
    | \" (?: \\. | [^"\\] )* \"
    | ' [^']* '
    """,
    re.DOTALL | re.VERBOSE,
)
_BARE = re.compile(r"[^\s,\]}#=.]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def lines_of(document: str) -> dict[Steps, int]:
    """Return the line, counted from 1, of every key, table and array item of a valid document."""
    return _Walk(document).lines


class _Walk:
    def __init__(self, document: str) -> None:
        self.lines: dict[Steps, int] = {}
        self._text = document
        self._at = 0
        self._tables_in: dict[Steps, int] = {}
        self._document()

    def _document(self) -> None:
        table: Steps = ()
        while self._peek():
            if self._peek() == "[":
                table = self._header()
            else:
                self._entry(table)

    def _header(self) -> Steps:
        line = self._line()
        repeated = self._text.startswith("[[", self._at)
        self._at += 2 if repeated else 1
        *parents, last = self._key()
        steps: Steps = ()
        for parent in parents:
            steps = (*steps, parent)
            self.lines.setdefault(steps, line)
            steps = self._latest(steps)
        steps = (*steps, last)
        if repeated:
            self._tables_in[steps] = self._tables_in.get(steps, 0) + 1
            self.lines.setdefault(steps, line)
        steps = self._latest(steps)
        self.lines[steps] = line
        self._peek()
        self._at += 2 if repeated else 1
        return steps

    def _latest(self, steps: Steps) -> Steps:
        return (*steps, self._tables_in[steps] - 1) if steps in self._tables_in else steps

    def _entry(self, table: Steps) -> None:
        line = self._line()
        steps = table
        for part in self._key():
            steps = (*steps, part)
            self.lines.setdefault(steps, line)
        self._peek()
        self._at += 1  # the equals sign
        self._value(steps)

    def _key(self) -> list[str]:
        parts = []
        while True:
            first = self._peek()
            token = self._take(_STRING if first in {'"', "'"} else _BARE)
            parts.append(tomllib.loads(f"key = {token}")["key"] if first in {'"', "'"} else token)
            if self._peek() != ".":
                return parts
            self._at += 1

    def _value(self, steps: Steps) -> None:
        match self._peek():
            case "[":
                self._at += 1
                index = 0
                while self._peek() != "]":
                    self.lines[*steps, index] = self._line()
                    self._value((*steps, index))
                    index += 1
                    self._skip_comma()
                self._at += 1
            case "{":
                self._at += 1
                while self._peek() != "}":
                    self._entry(steps)
                    self._skip_comma()
                self._at += 1
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_SCALAR)

    def _skip_comma(self) -> None:
        if self._peek() == ",":
            self._at += 1

    def _peek(self) -> str:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, token: re.Pattern[str]) -> str:
        found = token.match(self._text, self._at)
        if found is None:
            raise ValueError(f"line {self._line()}: not a TOML document that tomllib accepts")
        self._at = found.end()
        return found.group()

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1
