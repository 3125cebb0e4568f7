"""Patterns of names with named fields, as a specification writes them: ``{object}_{page:04d}.tif``.

``{title}`` is any text, ``{page:04d}`` a number of at least four digits, ``{page:d}`` one without
leading zeros, ``{side:r|v}`` one of these words, and ``{object}`` the object's own name. A pattern without
``/`` is held against the file's own name, one with ``/`` against the whole path below the root of the drop.
A field that stands twice has the same text at both places.

A name is looked at in a time that grows with its length alone. For this, the first text of a name may be
anything, and a later one never has the character that stands before it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final, NewType

from preservation.model.identifiers import ObjectName
from preservation.model.paths import folded, normalized

NamePattern = NewType("NamePattern", str)
"""A pattern of names with named fields."""

OBJECT: Final = "object"
"""The field that stands for the object's own name."""
FOLDER: Final = "folder"
"""No field: what stands for the folder of a file, where fields are listed."""

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,30}")
_NUMBER = re.compile(r"(?:0([1-9]))?d")
_WORD = re.compile(r"[^{}|/]+")
_LONGEST: Final = 500
_LONGEST_VALUE: Final = 1_000
_MOST_FIELDS: Final = 20
_MOST_DIGITS: Final = 9
_WRITTEN: Final = "patterns are written like {object}_{page:04d}.tif"


@dataclass(frozen=True, slots=True)
class _Part:
    """A literal text, or a field.

    ``digits`` is the least number of them in a number, ``words`` are the choice; a text has neither.
    """

    literal: str = ""
    field: str = ""
    digits: int = 0
    words: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it is a field of any text."""
        return bool(self.field) and self.field != OBJECT and not self.digits and not self.words


def name_pattern(text: str) -> NamePattern:
    """Return ``text`` as a pattern of names.

    Raises ``ValueError`` where it could take no name, or where it is open what a field would be.
    """
    parts = _parts(text)
    if {"", ".", ".."} & {segment.strip(" ") for segment in text.split("/")}:
        raise ValueError(f"{text!r} takes no file; {_WRITTEN}, without '/' at either end")
    if not any(part.field for part in parts):
        raise ValueError(f"{text!r} has no field; {_WRITTEN}")
    _require_separated(text, parts)
    return NamePattern(text)


def fields_of(pattern: NamePattern) -> tuple[str, ...]:
    """Return the names of its fields, each once, in order."""
    return tuple(dict.fromkeys(part.field for part in _parts(pattern) if part.field))


def numbers_of(pattern: NamePattern) -> tuple[str, ...]:
    """Return the names of its fields that are numbers, each once, in order."""
    return tuple(dict.fromkeys(part.field for part in _parts(pattern) if part.digits))


class NameMatcher:
    """A pattern, held against one name after the other of the drop of one object."""

    def __init__(self, pattern: NamePattern, name: ObjectName) -> None:
        self.pattern = pattern
        self._parts = _parts(pattern)
        self._name = name
        self._of_whole_path = "/" in pattern
        expression = _expression(self._parts, normalized("NFC", name))
        self._exactly = re.compile(expression)
        self._in_any_case = re.compile(expression, re.IGNORECASE)

    def values_in(self, path: str) -> dict[str, str] | None:
        """Return the text of each field but ``object``; ``None`` where the name does not fit."""
        found = self._exactly.fullmatch(self._held(path))
        return None if found is None else found.groupdict()

    def values_in_any_case(self, path: str) -> dict[str, str] | None:
        """Return the same of a name that may differ from the pattern in upper and lower case.

        Words of a choice are as the pattern has them.
        """
        found = self._in_any_case.fullmatch(self._held(path))
        if found is None:
            return None
        values: dict[str, str] = found.groupdict()
        for part in self._parts:
            if part.words and values[part.field] not in part.words:
                alike = folded(values[part.field])
                words = (word for word in part.words if folded(word) == alike)
                values[part.field] = next(words, part.words[0])
        return values

    def name_with(self, values: Mapping[str, str | int]) -> str:
        """Return the name that has these values. A number is written as the pattern has it."""
        return "".join(
            part.literal
            or (self._name if part.field == OBJECT else _written(values[part.field], part.digits))
            for part in self._parts
        )

    def number_with(self, field: str, number: int) -> str:
        """Return a number as the pattern writes it in that field."""
        return _written(number, next(part.digits for part in self._parts if part.field == field))

    def takes_value(self, text: str) -> bool:
        """Say whether a value, which is no path, fits the pattern."""
        is_short = len(text) <= _LONGEST_VALUE
        return is_short and self._exactly.fullmatch(normalized("NFC", text)) is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields but ``object``."""
        return tuple(field for field in fields_of(self.pattern) if field != OBJECT)

    @property
    def literals(self) -> int:
        """How many characters of a name the pattern itself gives."""
        return sum(len(part.literal) for part in self._parts)

    def _held(self, path: str) -> str:
        return normalized("NFC", path if self._of_whole_path else path.rpartition("/")[2])


def _written(value: str | int, digits: int) -> str:
    return value if isinstance(value, str) else f"{value:0{digits}d}"


def _parts(text: str) -> tuple[_Part, ...]:
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; {_WRITTEN}") from error
    parts: list[_Part] = []
    for literal, field, form, conversion in pieces:
        if literal:
            parts.append(_Part(literal=normalized("NFC", literal)))
        if field is not None:
            parts.append(_field(text, field, form or "", conversion))
    forms: dict[str, _Part] = {}
    for part in parts:
        if part.field and forms.setdefault(part.field, part) != part:
            raise ValueError(f"{text!r}: the field {part.field} stands there in two forms")
    if len(forms) > _MOST_FIELDS:
        raise ValueError(f"{text!r} has more than {_MOST_FIELDS} fields")
    return tuple(parts)


def _field(text: str, name: str, form: str, conversion: str | None) -> _Part:
    if _FIELD.fullmatch(name) is None or conversion or name == FOLDER:
        raise ValueError(
            f"{text!r}: {name!r} is no name of a field: write it in lower-case letters, digits and '_', and "
            f"other than {FOLDER!r}"
        )
    if not form:
        return _Part(field=name)
    if name == OBJECT:
        raise ValueError(f"{text!r}: {{{OBJECT}}} is the object's own name, and has no form")
    number = _NUMBER.fullmatch(form)
    if number is not None:
        return _Part(field=name, digits=int(number[1] or 1))
    words = tuple(normalized("NFC", word) for word in form.split("|"))
    if len(words) < 2 or any(_WORD.fullmatch(word) is None for word in words):  # noqa: PLR2004  a choice
        raise ValueError(f"{text!r}: {form!r} is no form of a field: 04d, d, or words as in r|v")
    return _Part(field=name, words=words)


def _require_separated(text: str, parts: Sequence[_Part]) -> None:
    """Refuse what would leave it open, or take long to find out, where one field ends and the next begins."""
    before: _Part | None = None
    has_text = False
    for part in parts:
        if "/" in part.literal:
            has_text = False
        follows_number = before is not None and before.digits > 0
        follows_literal = before is None or bool(before.literal)
        if (part.digits and follows_number) or (
            part.is_text and has_text and not follows_literal and not follows_number
        ):
            raise ValueError(
                f"{text!r}: where the field {part.field} begins cannot be seen; put a character before it"
            )
        has_text = has_text or part.is_text
        before = part


def _expression(parts: Sequence[_Part], name: str) -> str:
    written: list[str] = []
    met: set[str] = set()
    has_text = False
    before = _Part()
    for position, part in enumerate(parts):
        if "/" in part.literal:
            has_text = False
        after = parts[position + 1] if position + 1 < len(parts) else _Part()
        if part.literal:
            written.append(re.escape(part.literal))
        elif part.field == OBJECT:
            written.append(re.escape(name))
        elif part.field in met:
            written.append(f"(?P={part.field})")
        elif part.digits:
            written.append(_number(part, before, after))
        elif part.words:
            choice = "|".join(map(re.escape, sorted(part.words, key=len, reverse=True)))
            written.append(f"(?P<{part.field}>{choice})")
        else:
            excluded = "" if not has_text else "0-9" if before.digits else re.escape(before.literal[-1:])
            written.append(f"(?P<{part.field}>[^/{excluded}]+)")
        met.add(part.field)
        has_text = has_text or part.is_text
        before = part
    return "".join(written)


def _number(part: _Part, before: _Part, after: _Part) -> str:
    """Return the expression of a number, which ends with its digits unless the pattern goes on with one."""
    begins = "(?<![0-9])" if before.is_text else ""
    ends = "" if after.literal[:1].isdigit() else "(?![0-9])"
    least = part.digits
    if least == 1:
        return f"{begins}(?P<{part.field}>0|[1-9][0-9]{{0,{_MOST_DIGITS - 1}}}){ends}"
    longer = f"|[1-9][0-9]{{{least},{_MOST_DIGITS - 1}}}" if least < _MOST_DIGITS else ""
    return f"{begins}(?P<{part.field}>[0-9]{{{least}}}{longer}){ends}"
