"""Findings about content. An issue has a code that never changes its meaning, and says what to do next."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from preservation.model.paths import RelativePath

IssueCode = NewType("IssueCode", str)
"""Stable code such as ``BAG-001``; ``docs/issues.md`` lists them all."""


class Severity(StrEnum):
    """What an issue means for the submission, from least to most."""

    INFO = "info"
    WARNING = "warning"
    QUESTION = "question"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding: ``message`` is a sentence for a person, ``next_step`` says what that person can do.

    ``path`` is the file it is about, or ``None`` where it is about the whole. ``because`` is the policy
    author's own sentence, where a policy is what makes it an issue. ``for_operators`` is what only an
    archivist or operator can do, in the words of settings and policies.
    """

    code: IssueCode
    severity: Severity
    message: str
    path: RelativePath | None = None
    next_step: str = ""
    because: str = ""
    for_operators: str = ""
