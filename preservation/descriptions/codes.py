"""The codes of what a drop says of itself. A code never changes its meaning; ``docs/issues.md`` has them."""

from typing import Final

from preservation.model.issues import IssueCode

TOO_LARGE: Final = IssueCode("DSC-001")
NO_TABLE: Final = IssueCode("DSC-002")
ENCODING_GUESSED: Final = IssueCode("DSC-003")
SAYS_NOTHING: Final = IssueCode("DSC-004")
ROWS_WITHOUT_FILE: Final = IssueCode("DSC-005")
FILES_WITHOUT_ROW: Final = IssueCode("DSC-006")
