"""The faults of a settings file, in plain sentences, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def faults_in(text: str, error: ValidationError) -> Iterator[str]:
    """Yield every fault that pydantic found in the file whose text is ``text``."""
    for fault in _own_faults(error):
        yield f"{_place(text, _without_kinds(fault['loc']))}: {_sentence(fault['type'], fault['msg'])}"


def _own_faults(error: ValidationError) -> list[ErrorDetails]:
    """Return the user's faults. Pydantic also reports a list without a valid member as too short."""
    faults = error.errors()
    within = {fault["loc"][:1] for fault in faults if len(fault["loc"]) > 1}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in within]


def _sentence(kind: str, message: str) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    plain = message.removeprefix("Value error, ").replace("Input should be", "it must be")
    return plain[:1].lower() + plain[1:]


_SENTENCES = {
    "extra_forbidden": "there is no such setting; docs/settings.md lists those there are",
    "missing": "it is required and missing",
    "too_short": "at least one is required",
    "string_too_short": "it must not be empty",
    "string_type": "it must be text in quotes",
    "path_type": "it must be a path, in quotes",
    "bool_type": "it must be true or false",
    "union_tag_not_found": "its kind is required and missing",
}
"""Plain sentences for pydantic's messages, by its names for faults."""


def _without_kinds(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Remove the kind of store that pydantic puts between a store and its setting."""
    if location[:1] == ("store",):
        return (*location[:2], *location[3:]) if len(location) > 2 else location  # noqa: PLR2004  a pair, then the kind
    return location


def _place(text: str, location: tuple[int | str, ...]) -> str:
    """Return the setting's name in the file, with its line where it can be found."""
    name = ".".join(str(part) for part in location) or "the whole file"
    line = _line_of(text.splitlines(), location)
    return f"line {line}: {name}" if line else name


def _line_of(lines: list[str], location: tuple[int | str, ...]) -> int | None:
    """Find the line of the innermost named part, section by section and table by table."""
    start, found = 0, None
    for position, part in enumerate(location):
        if isinstance(part, int):
            continue
        following = location[position + 1] if position + 1 < len(location) else None
        nth = following if isinstance(following, int) else 0
        candidates = [
            number
            for number, line in enumerate(lines[start:], start)
            # The last part of [alarms.mail].
            if line.strip().strip("[]").split("=")[0].strip().rpartition(".")[2] == part
        ]
        if nth < len(candidates):
            start = candidates[nth]
            found = start + 1
    return found
