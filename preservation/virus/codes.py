"""The codes of issues of the virus check. A code never changes its meaning; ``docs/issues.md`` has each."""

from typing import Final

from preservation.model.issues import IssueCode

INFECTED: Final = IssueCode("VIR-001")
NOT_SCANNED: Final = IssueCode("VIR-002")
