"""The file that is spoken of, and how grave the policy takes what is found in it."""

from __future__ import annotations

from dataclasses import dataclass

from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, shown


@dataclass(frozen=True, slots=True)
class Subject:
    """A file, and the severity of a finding of the check at hand."""

    path: RelativePath
    severity: Severity

    def issue(
        self, code: IssueCode, words: str, next_step: str, *, severity: Severity | None = None
    ) -> Issue:
        """Return an issue that says ``words`` of the file, by default with the check's severity."""
        return Issue(code, severity or self.severity, f"{shown(self.path)} {words}.", self.path, next_step)
