"""Every issue code of intake, with what a person does next. A code never changes its meaning.

What is wrong with an archive or a submitted bag has the codes of ``preservation.bagit.codes``.
"""

from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath

NEXT_STEPS: dict[IssueCode, str] = {}


def _code(name: str, next_step: str) -> IssueCode:
    code = IssueCode(name)
    NEXT_STEPS[code] = next_step
    return code


NOTHING_IN_IT = _code("INT-001", "Put the files in and drop it again.")
DROP_IS_LINK = _code("INT-002", "Drop the files themselves instead of a link to them.")
DROP_IS_NO_FILE = _code("INT-003", "Drop a file or a folder.")
NO_PAYLOAD_FOLDER = _code("INT-004", "Make the bag again, or remove bagit.txt to have it kept as a folder.")
SEVERAL_BAGS = _code("INT-005", "Unpack the archive and drop each bag by itself.")
MORE_THAN_THE_BAG = _code("INT-006", "Pack the bag's folder alone, or drop the rest by itself.")
ARCHIVE_NOT_READ = _code("INT-007", "Drop what is in it as a folder; or ask an archivist, if it is sound.")


def refusal(code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:
    """Return the finding for which a drop is not accepted."""
    return Issue(code, Severity.ERROR, message, path, NEXT_STEPS[code])
