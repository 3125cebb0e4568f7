"""The file that is spoken of, and how grave the policy takes what is found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, printable
from preservation.policy.screens import Screen


@dataclass(frozen=True, slots=True)
class Subject:
    """A file, and the severity of a finding of the check at hand."""

    path: RelativePath
    severity: Severity
    because: str = ""

    @classmethod
    def under(cls, path: RelativePath, screen: Screen) -> Self:
        """Return the subject of the policy's ``screen``."""
        return cls(path, screen.outcome.severity, screen.because)

    def issue(
        self, code: IssueCode, words: str, next_step: str, *, severity: Severity | None = None
    ) -> Issue:
        """Return an issue that says ``words`` of the file, by default with the check's severity."""
        message = f"{printable(self.path)} {words}."
        return Issue(code, severity or self.severity, message, self.path, next_step, self.because)
