"""What ``muniment validate`` does. The parser is apart: importing it takes longer than a small bag does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.output import note, say, say_json
from preservation.bagit.validation import validate
from preservation.errors import StorageError
from preservation.model.issues import Severity
from preservation.model.paths import is_utf8, printable

if TYPE_CHECKING:
    from preservation.bagit.validation import Validation

_NOT_VALID = 3


def needs_no_parser(arguments: Sequence[str]) -> bool:
    """Say whether the words behind ``muniment validate`` are paths and ``--json``, and nothing else."""
    paths = [word for word in arguments if word != "--json"]
    return bool(paths) and not any(word.startswith("-") for word in paths)


def validate_all(bags: Iterable[Path], *, json: bool) -> int:
    """Say of each bag whether it is valid, and return the exit code.

    Raises ``StorageError`` where one is not there, after the others were judged.
    """
    all_valid = True
    absent: list[StorageError] = []
    processes = len(os.sched_getaffinity(0))
    for bag in bags:
        try:
            verdict = validate(bag, processes=processes)
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
        "bag": _sayable(verdict.bag),
        "valid": verdict.valid,
        "complete": verdict.complete,
        "issues": [
            {
                "code": issue.code,
                "severity": issue.severity.value,
                "message": issue.message,
                "path": None if issue.path is None else _sayable(issue.path),
            }
            for issue in verdict.issues
        ],
    }


def _in_words(verdict: Validation) -> str:
    lines = [f"{printable(verdict.bag)}: {_headline(verdict)}"]
    told: set[str] = set()
    for issue in sorted(verdict.issues, key=lambda issue: issue.severity is not Severity.ERROR):
        lines.append(f"  {issue.severity.value:7} {issue.code}  {issue.message}")
        if issue.next_step and issue.code not in told:
            # The first time only.
            told.add(issue.code)
            lines.append(f"          → {issue.next_step}")
    return "\n".join(lines)


def _headline(verdict: Validation) -> str:
    if not verdict.valid:
        return "NOT VALID, though complete" if verdict.complete else "NOT VALID, not complete"
    files, octets = verdict.payload.files, verdict.payload.octets
    return f"valid, BagIt {verdict.version}, payload of {files:,} files with {octets:,} bytes"


def _sayable(path: str) -> str:
    """Return a path as it is, unless its bytes are no text at all."""
    return path if is_utf8(path) else printable(path)
