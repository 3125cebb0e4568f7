"""Faults of a policy file, each as one sentence with its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from preservation.model.paths import printable
from preservation.policy.json_schema import keys_at
from preservation.policy.places import Steps, lines_of

_SENTENCES = {
    "bool_type": "must be true or false, not {input}",
    "dict_type": "must be a table, not {input}",
    "enum": "must be {expected}, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "int_type": "must be a whole number, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "literal_error": "must be {expected}, not {input}",
    "model_attributes_type": "must be a table, not {input}",
    "model_type": "must be a table, not {input}",
    "string_type": "must be text in quotes, not {input}",
    "tuple_type": "must be a list in square brackets, not {input}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}, not '{tag}'",
    "union_tag_not_found": "{discriminator} is missing",
    "value_error": "{error}",
}
"""What pydantic finds, in words for people who write TOML and not Python."""

_NAMED_BY = {"rule": "id", "screen": "check"}
"""Repeated tables are known by what one of their keys says."""


@dataclass(frozen=True, slots=True, order=True)
class PolicyFault:
    """One fault: its line, counted from 1, by which faults are put in order, and its sentence."""

    line: int
    sentence: str


class FaultReport:
    """Writes faults of one policy file as ``file:line: rule "id": key: what is wrong``."""

    def __init__(self, source: str, text: str, document: dict[str, Any]) -> None:
        self._source = source
        self._document = document
        self._lines = lines_of(text)

    def line_of(self, steps: Steps) -> int:
        """Return the line where ``steps`` are written, or where the nearest table above them is."""
        return self._lines.get(self._written(steps), 1)

    def name_and_line(self, steps: Steps) -> str:
        """Return what people call the entry at ``steps``, and where it is."""
        return f"{self._name(self._written(steps)).removesuffix(': ')} (line {self.line_of(steps)})"

    def fault(self, steps: Steps, what: str) -> PolicyFault:
        """Return the fault that says ``what`` is wrong at ``steps``."""
        line, name = self.line_of(steps), self._name(self._written(steps))
        return PolicyFault(line, printable(f"{self._source}:{line}: {name}{what}"))

    def from_pydantic(self, error: ValidationError) -> Iterator[PolicyFault]:
        """Return each fault that the models found."""
        for details in error.errors(include_url=False):
            steps: Steps = details["loc"]
            match details["type"]:
                case "missing":
                    yield self.fault(steps[:-1], f"{steps[-1]} is missing")
                case "extra_forbidden":
                    yield self.fault(steps, _unknown_key(steps))
                case "tuple_type" if isinstance(details["input"], dict):
                    yield self.fault(steps, f"must be headed [[{steps[-1]}]]: there can be several")
                case _:
                    yield self.fault(steps, _sentence(details))

    def _written(self, steps: Steps) -> Steps:
        # pydantic also names the member of a union it chose; that stands nowhere in the file.
        written: Steps = ()
        for step in steps:
            if (*written, step) in self._lines:
                written = (*written, step)
        return written

    def _name(self, written: Steps) -> str:
        match written:
            case ("rule" | "screen" as kind, int(index), *rest):
                entry = self._document[kind][index]
                label = entry.get(_NAMED_BY[kind]) if isinstance(entry, dict) else None
                names = [f'{kind} "{label}"' if isinstance(label, str) else f"{kind} number {index + 1}"]
            case _:
                names, rest = [], list(written)
        key = ".".join(f"item {step + 1}" if isinstance(step, int) else step for step in rest)
        return "".join(f"{name}: " for name in (*names, key) if name)


def _unknown_key(steps: Steps) -> str:
    known = keys_at(steps[:-1])
    nearest = get_close_matches(str(steps[-1]), known, 1)
    meant = f"did you mean {nearest[0]}? " if nearest else ""
    return f"there is no such key; {meant}keys here are {', '.join(known)}"


def _sentence(details: ErrorDetails) -> str:
    facts = {**details.get("ctx", {}), "input": _as_written(details["input"])}
    template = _SENTENCES.get(details["type"])
    return details["msg"] if template is None else template.format(**facts)


def _as_written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
        case str():
            return repr(value) if len(value) <= 60 else f"{value[:60]!r} …"  # noqa: PLR2004  enough to know it by
        case _:
            return str(value)
