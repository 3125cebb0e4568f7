"""The codes of what is found where a delivery is held against its order; ``docs/issues.md`` has each."""

from typing import Final

from preservation.model.issues import IssueCode

NOT_ORDERED: Final = IssueCode("ORD-001")
WRONG_PAGES: Final = IssueCode("ORD-002")
WRONG_FILES: Final = IssueCode("ORD-003")
NAMES_MISSING: Final = IssueCode("ORD-004")
NAMES_UNEXPECTED: Final = IssueCode("ORD-005")
DELIVERED_BEFORE: Final = IssueCode("ORD-006")
OVERDUE: Final = IssueCode("ORD-007")
