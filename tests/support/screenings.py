"""What tests of screening share: real drops, really surveyed and identified, then screened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from preservation.identification.identify import Identifier
from preservation.model.digests import Algorithm
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.identifiers import object_name
from preservation.model.issues import IssueCode, Severity
from preservation.model.name_rules import NameRules
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.model.submissions import DropKind, Received
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.screening.drop_checks import drop_checks_for
from preservation.screening.screen import screen
from preservation.survey.survey import survey
from preservation.tools.workers import CagedWorkers

EVERY_CHECK = (
    "irregular-entries",
    "not-empty",
    "decodable-images",
    "sound-documents",
    "known-format",
    "portable-names",
    "safe-archives",
    "extension-matches",
    "format-disagreement",
)

_REST = """
[otherwise]
action = "retain"
because = "Kept as received."

[replication]
copies = 1
sites = 1
"""


def policy_that(intake: str = "", **outcomes: str) -> Policy:
    """A policy with those checks (``decodable_images="reject"``); without any, every check rejects."""
    chosen = {check.replace("_", "-"): outcome for check, outcome in outcomes.items()} or dict.fromkeys(
        EVERY_CHECK, "reject"
    )
    chosen.setdefault("irregular-entries", "reject")
    screens = "".join(
        f'[[screen]]\ncheck = "{check}"\noutcome = "{outcome}"\nbecause = "It says so here."\n'
        for check, outcome in chosen.items()
    )
    text = f'policy = "test"\nrevision = 1\n[intake]\n{intake}\n{screens}{_REST}'
    return parse(text.encode(), "test.toml")


def surveyed(root: Path) -> Iterator[SurveyedFile | IrregularEntry]:
    received = Received(DropKind.FOLDER, root)
    return survey(received, algorithms=(Algorithm.SHA256,), identifier=Identifier(), threads=2)


def screened(
    root: Path,
    workers: CagedWorkers,
    *,
    policy: Policy | None = None,
    name_rules: tuple[NameRules, ...] = (),
    thumbnails: Path | None = None,
) -> dict[RelativePath, ScreenedFile]:
    """Survey and screen the folder ``root``; the result by path, in the order of the survey."""
    results = screen(
        surveyed(root),
        root=root,
        policy=policy or policy_that(),
        name_rules=name_rules,
        workers=workers,
        thumbnails=thumbnails or root.parent / "thumbnails",
        drop_checks=drop_checks_for(policy or policy_that(), object_name(root.name), root),
    )
    return {result.path: result for result in results}


def codes(result: ScreenedFile) -> dict[IssueCode, Severity]:
    return {issue.code: issue.severity for issue in result.issues}
