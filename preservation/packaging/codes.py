"""The codes of issues of packaging. A code never changes its meaning; ``docs/issues.md`` has each."""

from typing import Final

from preservation.model.issues import IssueCode

HARD_NAMES: Final = IssueCode("PKG-001")
