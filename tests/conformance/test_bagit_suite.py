"""Our verdicts on bags whose truth is known: the Library of Congress's suite, and bags of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from preservation.bagit import codes
from preservation.bagit.validation import Validation, validate
from preservation.model.issues import Severity

DAMAGED_BY_GIT = {
    "duplicate-file-with-different-case",
    "same-filename-listed-twice-with-different-normalization",
    "special-system-files",
}
"""Bags of the suite that lost one of two files whose names some systems take for one."""


def agrees(bag: Path, verdict: Validation) -> bool:
    """Say whether the verdict is what the name of the bag's folder says that it should be."""
    warned = any(issue.severity is Severity.WARNING for issue in verdict.issues)
    match bag.parent.name:
        case "valid":
            return verdict.valid
        case "invalid" | "linux-only":
            return not verdict.valid
        case "warning" if bag.name in DAMAGED_BY_GIT and not verdict.valid:
            return any(issue.code == codes.FILE_MISSING for issue in verdict.issues)
        case "warning":
            return verdict.valid and warned
    pytest.fail(f"{bag}: no truth is known for {bag.parent.name}")


def test_every_bag_of_the_suite_gets_the_verdict_that_its_folder_names(corpora: Path):
    bags = sorted(
        bag
        for bag in (corpora / "bagit-conformance-suite").glob("v*/*/*")
        if bag.is_dir() and bag.parent.name not in {"windows-only", "darwin-only"}
    )
    rows = [(bag, validate(bag)) for bag in bags]
    table = [
        f"{'agrees' if agrees(bag, verdict) else 'DISAGREES':10}{bag.parent.parent.name:6}"
        f"{bag.parent.name:11}{'valid' if verdict.valid else 'invalid':8}{bag.name}"
        for bag, verdict in rows
    ]
    print("", *table, sep="\n")  # noqa: T201  the table of conformance, for pytest -rP
    assert rows
    assert [line for line in table if line.startswith("DISAGREES")] == []


def test_bags_and_serialized_bags_of_others_are_judged_as_their_makers_say(
    corpora: Path, corpora_manifest: list[dict[str, str]]
):
    bags: dict[Path, str] = {}
    for row in corpora_manifest:
        if row["kind"] not in {"bag", "bag+profile", "serialized-bag"} or "conformance" in row["source"]:
            continue
        path = corpora / row["path"]
        bag = path if row["kind"] == "serialized-bag" else folder_of_bag(path)
        if bag is not None:
            bags[bag] = row["expected_verdict"].removeprefix("bag ").split(";")[0]
    judged = {bag: "valid" if validate(bag).valid else "invalid" for bag in bags}
    print("", *(f"{judged[bag]:8}{bag.relative_to(corpora)}" for bag in sorted(bags)), sep="\n")  # noqa: T201  the table of conformance, for pytest -rP
    assert len(bags) >= 10
    assert judged == bags


def folder_of_bag(file: Path) -> Path | None:
    return next((folder for folder in file.parents if (folder / "bagit.txt").is_file()), None)
