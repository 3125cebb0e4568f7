"""The work of ``muniment validate``, without typer: importing typer takes longer than a small bag."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.output import note, say, say_json
from preservation.bagit.validation import validate
from preservation.errors import StorageError
from preservation.model.amounts import count
from preservation.model.issues import Severity
from preservation.model.paths import is_utf8, printable

if TYPE_CHECKING:
    from typing import TypeAlias

    from preservation.bagit.validation import Validation

    Compare: TypeAlias = Callable[[Validation, Path], Validation]

_NOT_VALID = 3


def needs_no_parser(arguments: Sequence[str]) -> bool:
    """Return whether the arguments of ``muniment validate`` are paths and ``--json``, and nothing else."""
    paths = [word for word in arguments if word != "--json"]
    return bool(paths) and not any(word.startswith("-") for word in paths)


def validate_all(bags: Iterable[Path], *, json: bool, compare: Compare | None = None) -> int:
    """Print for each bag whether it is valid, and return the exit code.

    ``compare`` adds what comparing the bag with the records of an installation shows.

    Raises ``StorageError`` where one does not exist, after all others were validated.
    """
    all_valid = True
    absent: list[StorageError] = []
    processes = len(os.sched_getaffinity(0))
    for bag in bags:
        try:
            verdict = validate(bag, processes=processes)
            if compare is not None:
                verdict = compare(verdict, bag)
        except StorageError as failure:
            absent.append(failure)
            continue
        all_valid = all_valid and verdict.valid
        if json:
            say_json(_fields(verdict))
        else:
            say(_in_words(verdict))
    for other in absent[1:]:
        note(f"muniment: {other}")
    if absent:
        raise absent[0]
    return 0 if all_valid else _NOT_VALID


def _fields(verdict: Validation) -> dict[str, object]:
    return {
        "bag": _as_text(verdict.bag),
        "valid": verdict.valid,
        "complete": verdict.complete,
        "issues": [
            {
                "code": issue.code,
                "severity": issue.severity.value,
                "message": issue.message,
                "path": None if issue.path is None else _as_text(issue.path),
            }
            for issue in verdict.issues
        ],
    }


def _in_words(verdict: Validation) -> str:
    lines = [f"{printable(verdict.bag)}: {_headline(verdict)}"]
    explained: set[str] = set()
    kept_as = "" if verdict.valid else _kept_as(verdict.bag)
    for issue in sorted(verdict.issues, key=lambda issue: issue.severity is not Severity.ERROR):
        lines.append(f"  {issue.severity.value:7} {issue.code}  {issue.message}")
        if issue.next_step and not kept_as and issue.code not in explained:
            explained.add(issue.code)
            lines.append(f"          → {issue.next_step}")
    if kept_as:
        lines.append(f"  → It lies as a store keeps it. Other replicas may be whole: {kept_as}")
    return "\n".join(lines)


def _kept_as(bag: str) -> str:
    """Return how a package in a store is had from the other replicas; ``""`` where the bag is no such."""
    from preservation.bagit.version_source import version_number_of

    number = version_number_of(Path(bag))
    if number is None:
        return ""
    *_, collection, name, _ = ("", "", *Path(bag).absolute().parts)
    return f"muniment restore {shlex.quote(printable(f'{collection}/{name}'))} TARGET --version {number}"


def _headline(verdict: Validation) -> str:
    if not verdict.valid:
        return "NOT VALID, though complete" if verdict.complete else "NOT VALID, not complete"
    files, octets = verdict.payload.files, verdict.payload.octets
    return f"valid, BagIt {verdict.version}, payload of {count(files, 'file')} with {count(octets, 'byte')}"


def _as_text(path: str) -> str:
    """Return the path; one that is not UTF-8 with escapes."""
    return path if is_utf8(path) else printable(path)
