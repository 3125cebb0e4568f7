"""The codes of screening's issues. A code never changes its meaning; ``docs/issues.md`` explains each."""

from typing import Final

from preservation.model.issues import IssueCode

NOT_A_FILE: Final = IssueCode("SCR-001")
UNREADABLE: Final = IssueCode("SCR-002")
UNNAMEABLE: Final = IssueCode("SCR-003")
CHANGED: Final = IssueCode("SCR-004")
EMPTY_FOLDER: Final = IssueCode("SCR-005")
TOO_LONG: Final = IssueCode("SCR-006")
JUNK: Final = IssueCode("SCR-010")
EMPTY_FILE: Final = IssueCode("SCR-011")
DAMAGED_IMAGE: Final = IssueCode("SCR-020")
NO_DECODER: Final = IssueCode("SCR-021")
BROKEN_DOCUMENT: Final = IssueCode("SCR-030")
PASSWORD_NEEDED: Final = IssueCode("SCR-031")
ENCRYPTED: Final = IssueCode("SCR-032")
IMPERFECT_DOCUMENT: Final = IssueCode("SCR-033")
ACTIVE_DOCUMENT: Final = IssueCode("SCR-034")
UNKNOWN_FORMAT: Final = IssueCode("SCR-040")
ENGINES_DISAGREE: Final = IssueCode("SCR-041")
EXTENSION_MISMATCH: Final = IssueCode("SCR-042")
TWINS_BY_CASE: Final = IssueCode("SCR-050")
TWINS_BY_SPELLING: Final = IssueCode("SCR-051")
NAME_NOT_STORABLE: Final = IssueCode("SCR-052")
ESCAPING_ARCHIVE: Final = IssueCode("SCR-060")
ARCHIVE_BOMB: Final = IssueCode("SCR-061")
BROKEN_ARCHIVE: Final = IssueCode("SCR-062")
ARCHIVE_NOT_WHOLLY_SEEN: Final = IssueCode("SCR-063")
LIMIT_REACHED: Final = IssueCode("SCR-070")
EXAMINER_CRASHED: Final = IssueCode("SCR-071")
