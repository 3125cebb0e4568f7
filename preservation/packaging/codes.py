"""The codes of what a drop says of itself. A code never changes its meaning; ``docs/issues.md`` has them."""

from typing import Final

from preservation.model.issues import IssueCode

DESCRIPTION_TOO_LARGE: Final = IssueCode("DSC-001")
DESCRIPTION_NO_TABLE: Final = IssueCode("DSC-002")
