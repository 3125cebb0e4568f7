"""Bags written, validated, and what was said of them."""

from __future__ import annotations

from pathlib import Path

from support.bags import codes_of, write

from preservation.bagit.validation import Validation, validate
from preservation.model.issues import Severity

VERSIONS = ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"]
LETTER = "data/letter.txt"


def verdict_on(root: Path, files: dict[str, bytes]) -> Validation:
    return validate(write(root / "bag", files))


def errors(verdict: Validation) -> set[str]:
    return codes_of(issue for issue in verdict.issues if issue.severity is Severity.ERROR)


def warnings(verdict: Validation) -> set[str]:
    return codes_of(issue for issue in verdict.issues if issue.severity is Severity.WARNING)
