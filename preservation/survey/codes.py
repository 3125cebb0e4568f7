"""The codes of issues of fixity. A code never changes its meaning; ``docs/issues.md`` explains each."""

from typing import Final

from preservation.model.issues import IssueCode

WRONG_DIGEST: Final = IssueCode("FIX-001")
LISTED_BUT_MISSING: Final = IssueCode("FIX-002")
NOT_LISTED: Final = IssueCode("FIX-003")
NOT_UNDERSTOOD: Final = IssueCode("FIX-004")
LEADS_OUT: Final = IssueCode("FIX-005")
FOUND_ELSEWHERE: Final = IssueCode("FIX-006")
SPELLED_OTHERWISE: Final = IssueCode("FIX-007")
TOO_MUCH: Final = IssueCode("FIX-008")
NO_DIGEST: Final = IssueCode("FIX-009")
LISTS_ITSELF: Final = IssueCode("FIX-010")
COMPARES_NOTHING: Final = IssueCode("FIX-011")
