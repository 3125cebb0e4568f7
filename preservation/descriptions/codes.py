"""The codes of what a drop says of itself. A code never changes its meaning; ``docs/issues.md`` has them."""

from typing import Final

from preservation.model.issues import IssueCode

TOO_LARGE: Final = IssueCode("DSC-001")
NO_TABLE: Final = IssueCode("DSC-002")
ENCODING_GUESSED: Final = IssueCode("DSC-003")
SAYS_NOTHING: Final = IssueCode("DSC-004")
ROWS_WITHOUT_FILE: Final = IssueCode("DSC-005")
FILES_WITHOUT_ROW: Final = IssueCode("DSC-006")

NO_METADATA: Final = IssueCode("DSC-010")
TABLE_NOT_CHECKED: Final = IssueCode("DSC-011")
NO_COLUMN: Final = IssueCode("DSC-012")
NO_VALUE: Final = IssueCode("DSC-013")
VALUE_NOT_LISTED: Final = IssueCode("DSC-014")
NO_EDTF_DATE: Final = IssueCode("DSC-015")
VALUE_DOES_NOT_FIT: Final = IssueCode("DSC-016")
VALUE_REPEATED: Final = IssueCode("DSC-017")
ROW_ABOUT_NOTHING: Final = IssueCode("DSC-018")
ROW_REPEATED: Final = IssueCode("DSC-019")
OBJECT_WITHOUT_ROW: Final = IssueCode("DSC-020")
FILE_WITHOUT_ROW: Final = IssueCode("DSC-021")

NO_SUPPLIED_XML: Final = IssueCode("DSC-030")
NOT_WELL_FORMED: Final = IssueCode("DSC-031")
XML_ENTITIES: Final = IssueCode("DSC-032")
OTHER_ROOT: Final = IssueCode("DSC-033")
NOT_VALID: Final = IssueCode("DSC-034")
XML_GOES_BEYOND: Final = IssueCode("DSC-035")
