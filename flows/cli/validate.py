"""``muniment validate``: says whether bags are complete and valid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.output import note, say, say_json
from preservation.errors import StorageError
from preservation.model.issues import Issue, Severity
from preservation.model.paths import is_utf8, shown

if TYPE_CHECKING:
    from preservation.bagit.validation import Validation

_NOT_VALID = 3

_HELP = (
    "Validate bags (RFC 8493): folders, or zip and tar archives of one bag.\n\n"
    "Reads BagIt 1.0 and 0.93 to 0.97, opens nothing outside the bag and unpacks nothing. Warnings "
    "leave a bag valid. Exit code 0: all are valid; 3: at least one is not; 6: one is not there.\n\n"
    "Example: muniment validate /media/usb/letters-1911 bags/*.zip"
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("validate", help=_HELP)(_validate)


def _validate(
    bags: Annotated[list[Path], typer.Argument(metavar="BAG...", help="Folders or archives.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a bag, one a line.")] = False,
) -> None:
    from preservation.bagit.validation import validate

    all_valid = True
    absent: list[StorageError] = []
    for bag in bags:
        try:
            verdict = validate(bag)
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
    if not all_valid:
        raise typer.Exit(_NOT_VALID)


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
    lines = [f"{shown(verdict.bag)}: {_headline(verdict)}"]
    told: set[str] = set()
    for issue in sorted(verdict.issues, key=lambda issue: issue.severity is not Severity.ERROR):
        lines.append(f"  {issue.severity.value:7} {issue.code}  {issue.message}")
        lines.extend(_next_step(issue, told))
    return "\n".join(lines)


def _headline(verdict: Validation) -> str:
    if not verdict.valid:
        return "NOT VALID, though complete" if verdict.complete else "NOT VALID, not complete"
    files, octets = verdict.payload.files, verdict.payload.octets
    return f"valid, BagIt {verdict.version}, payload of {files:,} files with {octets:,} bytes"


def _next_step(issue: Issue, told: set[str]) -> list[str]:
    """Return what to do, the first time that it is to be said."""
    if not issue.next_step or issue.code in told:
        return []
    told.add(issue.code)
    return [f"          → {issue.next_step}"]


def _sayable(path: str) -> str:
    """Return a path as it is, unless its bytes are no text at all."""
    return path if is_utf8(path) else shown(path)
