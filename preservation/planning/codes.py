"""The codes of issues of the judgement. A code never changes its meaning; ``docs/issues.md`` has each."""

from typing import Final

from preservation.model.issues import IssueCode

REJECTED_BY_POLICY: Final = IssueCode("POL-001")
ASKED_BY_POLICY: Final = IssueCode("POL-002")
MANIFEST_REQUIRED: Final = IssueCode("POL-003")
REMOVED_FILES: Final = IssueCode("VER-006")
UNRELATED_VERSION: Final = IssueCode("VER-007")
COMPLETED: Final = IssueCode("VER-008")
NOT_COMPLETED: Final = IssueCode("VER-009")
