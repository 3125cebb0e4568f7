"""Every issue code of bags and archives, with what it means and what a person does next.

A code never changes its meaning. ``MEANINGS`` is what ``docs/issues.md`` is made from.
"""

from dataclasses import dataclass

from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, printable


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means, and what the person who reads it does next."""

    meaning: str
    next_step: str


MEANINGS: dict[IssueCode, Meaning] = {}

_MAKE = "Make the bag again from the original files."
_SEND = "Send the bag again; if it is the same, make it again from the original files."
_NONE = "Nothing must be done; a bag made with current tools would not have this."


def _code(name: str, meaning: str, next_step: str) -> IssueCode:
    code = IssueCode(name)
    MEANINGS[code] = Meaning(meaning, next_step)
    return code


def error(code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:
    """Return a finding that makes the bag invalid, with the next step of its code."""
    return _issue(code, Severity.ERROR, message, path)


def warning(code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:
    """Return a finding that leaves the bag valid, with the next step of its code."""
    return _issue(code, Severity.WARNING, message, path)


def info(code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:
    """Return a finding that is only reported, with the next step of its code."""
    return _issue(code, Severity.INFO, message, path)


def _issue(code: IssueCode, severity: Severity, message: str, path: RelativePath | None) -> Issue:
    # A bag may be called anything, and so may every file in it.
    return Issue(code, severity, printable(message), path, MEANINGS[code].next_step)


def error_if(grave: bool, code: IssueCode, message: str, path: RelativePath | None = None) -> Issue:  # noqa: FBT001  the name says what it decides
    """Return an error where ``grave``, else a warning: versions of BagIt differ in what they forbid."""
    return (error if grave else warning)(code, message, path)


DECLARATION_MISSING = _code("BAG-001", "There is no bag declaration, bagit.txt.", _SEND)
DECLARATION_MALFORMED = _code("BAG-002", "bagit.txt is not the two lines that it must be.", _MAKE)
VERSION_UNKNOWN = _code(
    "BAG-003", "The bag is of a BagIt version that was never published.", "Make the bag again as BagIt 1.0."
)
ENCODING_UNKNOWN = _code(
    "BAG-004", "The bag names a character encoding that is not known.", "Make the bag again in UTF-8."
)
PAYLOAD_FOLDER_MISSING = _code("BAG-005", "There is no payload folder, data.", _SEND)
PAYLOAD_MANIFEST_MISSING = _code("BAG-006", "There is no payload manifest that can be checked.", _SEND)
TAG_FILE_UNREADABLE = _code(
    "BAG-007", "A tag file cannot be read, is too large, or is not in the bag's encoding.", _SEND
)
BYTE_ORDER_MARK = _code(
    "BAG-008",
    "A tag file begins with a byte-order mark, which BagIt 1.0 forbids.",
    "Save the tag file without byte-order mark, and make the tag manifests again.",
)
MANIFEST_LINE_MALFORMED = _code("BAG-009", "A line of a manifest is not a digest and a path.", _MAKE)
MANIFEST_LEGACY = _code(
    "BAG-010", "A manifest is written as md5sum and its like write it; strict validators refuse it.", _NONE
)
PATH_LOOSE = _code(
    "BAG-011", "A manifest writes a path in another way than it must; strict validators refuse it.", _NONE
)
LISTED_TWICE = _code("BAG-012", "A manifest lists a file more than once, which BagIt 1.0 forbids.", _MAKE)
LISTED_TWICE_DIFFERENTLY = _code(
    "BAG-013", "A manifest lists a file more than once, with different digests.", _MAKE
)
PATH_UNSAFE = _code(
    "BAG-014",
    "A manifest names a path outside the bag. Nothing there was opened.",
    "Ask who sent the bag how it was made, and make it again.",
)
OUTSIDE_PAYLOAD = _code(
    "BAG-015", "A payload manifest names a file that is not in the payload folder.", _MAKE
)
PAYLOAD_IN_TAG_MANIFEST = _code("BAG-016", "A tag manifest names a file of the payload.", _MAKE)
TAG_MANIFEST_IN_TAG_MANIFEST = _code(
    "BAG-017", "A tag manifest names a tag manifest, which BagIt 1.0 forbids.", _MAKE
)
FILE_MISSING = _code("BAG-018", "A file that a manifest names is not in the bag.", _SEND)
FILE_NOT_FETCHED = _code(
    "BAG-019",
    "A file that fetch.txt names has not been fetched.",
    "Fetch the file to its place in the bag, then try again.",
)
FILE_UNLISTED = _code(
    "BAG-020",
    "A file of the payload is in no manifest.",
    "Remove the file if it does not belong there, or make the bag again with it.",
)
FILE_UNLISTED_IN_ONE = _code(
    "BAG-021", "A file of the payload is not in every payload manifest, as BagIt 1.0 demands.", _MAKE
)
MANIFEST_UNLISTED = _code(
    "BAG-022", "A tag manifest does not name a payload manifest, as BagIt 1.0 demands.", _MAKE
)
TAG_FILE_UNLISTED = _code(
    "BAG-023",
    "A tag file is not in a tag manifest, so a change of it would not be noticed.",
    "In a package that Muniment keeps, find out who put it there, and take it away; elsewhere do nothing.",
)
DIGEST_MISMATCH = _code("BAG-024", "A file is not the one that the manifest promises: it was changed.", _SEND)
FILE_UNREADABLE = _code(
    "BAG-025", "A file or folder of the bag cannot be read.", "Check the disk and the permissions; try again."
)
OXUM_MALFORMED = _code("BAG-026", "Payload-Oxum is malformed or repeated.", _MAKE)
OXUM_MISMATCH = _code("BAG-027", "The payload has not the size that Payload-Oxum promises.", _SEND)
BAG_INFO_MALFORMED = _code(
    "BAG-028", "A line of the bag's metadata is not a label, a colon and a value.", _MAKE
)
BAG_INFO_LOOSE = _code("BAG-029", "A line of the bag's metadata has white space where it must not.", _NONE)
FETCH_MALFORMED = _code("BAG-030", "A line of fetch.txt is not an absolute URL, a length and a path.", _MAKE)
FETCH_UNLISTED = _code("BAG-031", "fetch.txt names a file that the payload manifests do not promise.", _MAKE)
FETCH_INEXACT = _code("BAG-032", "fetch.txt names a file twice, or with another length than it has.", _NONE)
NAMES_ALIKE = _code(
    "BAG-033",
    "Names differ only in case or in Unicode normalization; some systems keep only one of such files.",
    "Check that none of the files was lost on the way.",
)
NAME_NORMALIZED = _code(
    "BAG-034",
    "A file's name is in another Unicode normalization than in the manifest.",
    "Nothing must be done; the name was changed by a system on the way.",
)
SYSTEM_FILE = _code(
    "BAG-035", "The payload holds a file that an operating system left there.", "Remove it before bagging."
)
BAG_IN_BAG = _code(
    "BAG-036",
    "The payload holds another bag, of which only the files were checked.",
    "Validate the inner bag by itself.",
)
ALGORITHM_UNKNOWN = _code(
    "BAG-037",
    "A manifest uses an algorithm that cannot be computed here; its digests were not checked.",
    "Ask for a manifest by SHA-256 or SHA-512.",
)
MANIFEST_NAME_LOOSE = _code("BAG-038", "A manifest's file name is not normalized.", _NONE)
NOT_A_FILE = _code(
    "BAG-039",
    "The bag holds a link, a device or a pipe, which a bag cannot keep.",
    "Put the file itself where the link is, and make the bag again.",
)
NO_BAG = _code(
    "BAG-040",
    "There is no bag, or more than one, in what was given.",
    "Give the folder or archive of one bag.",
)
SECOND_READING = _code(
    "BAG-041",
    "The Library of Congress's bagit reads the bag otherwise than Muniment does.",
    "Compare both findings before the bag is passed on.",
)
FILES_IN_EARLIER_VERSIONS = _code(
    "BAG-042",
    "Files that fetch.txt names lie in earlier versions beside the bag, and were read there.",
    "Nothing must be done; take the earlier versions along where the bag goes.",
)
SEPARATORS_WRONG = _code(
    "BAG-043",
    "A manifest has backslashes between folders, as Windows writes them, where RFC 8493 demands '/'.",
    "Make the bag again with a current tool, or write '/' in its manifests and make the tag manifests again.",
)
TOO_DEEP = _code(
    "BAG-044",
    "A folder of the bag lies too deep, or in folders with too long names, so that it cannot be looked into.",
    "Move it up, or give the folders that it is in shorter names; then make the bag again.",
)
OUTSIDE_THE_BAG = _code(
    "BAG-045",
    "The bag lies deeper in what was given, or beside files that operating systems leave.",
    "Nothing must be done; next time give the bag's own folder alone.",
)
APPLE_DOUBLE = _code(
    "BAG-046",
    "The archive holds what only a Mac knows of a file (._ members, AppleDouble) and no manifest names it; "
    "it is no part of the bag.",
    "Nothing must be done; a Mac packs without them with COPYFILE_DISABLE=1 tar.",
)

ARCHIVE_UNREADABLE = _code(
    "ARC-001",
    "The archive is damaged, encrypted or of a kind that cannot be read.",
    "Send it again; without a password, where it has one.",
)
ARCHIVE_CLIMBS_OUT = _code(
    "ARC-002",
    "The archive names a path outside itself. Nothing was written there.",
    "Ask who sent the archive how it was made, and pack it again.",
)
ARCHIVE_BOMB = _code(
    "ARC-003",
    "The archive unpacks to more than is allowed.",
    "Check what is in it; if it is as it should be, ask for the limits to be raised.",
)
ARCHIVE_NAME_TWICE = _code("ARC-004", "The archive holds the same name twice.", "Pack the archive again.")
ARCHIVE_LAYOUT = _code("ARC-005", "The archive is not just one folder that is the bag.", _NONE)
ARCHIVE_NAME_IMPOSSIBLE = _code(
    "ARC-006",
    "The archive holds a name that cannot be a file's here, or that clashes with another one.",
    "Unpack the archive where it was made, and drop the folder.",
)
ARCHIVE_BACKSLASHES = _code(
    "ARC-007",
    "The archive has backslashes between folders, as programs for Windows write them; they were read as '/'.",
    "Nothing must be done; other programs may unpack it into one folder, with backslashes in the names.",
)
ARCHIVE_LITTER = _code(
    "ARC-008",
    "Beside its one folder the archive holds what operating systems leave there; that is not kept.",
    "Nothing must be done.",
)
