"""Every issue code of intake, with what a person does next. A code never changes its meaning.

What is wrong with an archive or a submitted bag has the codes of ``preservation.bagit.codes``.
"""

from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, quoted
from preservation.model.submissions import UnpackedArchive

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
NAMES_NOT_KNOWN = _code(
    "INT-008",
    "Unpack it on the computer where it was made, and drop the folder; or pack it again with a program that "
    "writes names in UTF-8 (7-Zip, tar).",
)
ARCHIVE_WITH_LINK = _code(
    "INT-009", "Put the file itself where the link is and pack it again; or unpack it, and drop the folder."
)
UNPACKED = _code("INT-010", "")
FIXITY_UNKNOWN_BEFORE = _code("INT-011", "")
HELD_AGAINST_A_RECORD = _code("INT-012", "")


def unpacked(archive: UnpackedArchive) -> Issue:
    """Return the remark that an archive was unpacked."""
    message = (
        f"{quoted(archive.name)} was unpacked: what was in it is the drop, and the {archive.kind} archive "
        f"itself is not kept. It had {archive.size:,} bytes and the SHA-256 {archive.sha256}."
    )
    return Issue(UNPACKED, Severity.INFO, message, None, NEXT_STEPS[UNPACKED])


def refusal(code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:
    """Return the finding for which a drop is not accepted."""
    return Issue(code, Severity.ERROR, message, path, NEXT_STEPS[code])
