"""The bag declaration, ``bagit.txt`` (RFC 8493 section 2.1.1)."""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import NamedTuple

from preservation.bagit import codes
from preservation.bagit.tagtext import known_encoding
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable, quoted

BAGIT_TXT = RelativePath("bagit.txt")


class BagItVersion(NamedTuple):
    """A version of BagIt, ordered as they were published."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


CURRENT = BagItVersion(1, 0)
PUBLISHED = (*(BagItVersion(0, minor) for minor in range(93, 98)), CURRENT)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the declaration says, as far as it could be read. ``encoding`` is the name of a codec."""

    version: BagItVersion = CURRENT
    encoding: str = "utf-8"

    @property
    def metadata_file(self) -> RelativePath:
        """The tag file that holds the bag's metadata in this version."""
        return RelativePath("package-info.txt" if self.version < BagItVersion(0, 96) else "bag-info.txt")


def declaration_text(declaration: Declaration) -> str:
    """Return the content of ``bagit.txt``."""
    encoding = declaration.encoding.upper()
    return f"BagIt-Version: {declaration.version}\nTag-File-Character-Encoding: {encoding}\n"


_VERSION = re.compile(r"BagIt-Version: (\d{1,3})\.(\d{1,3})", re.ASCII)
_ENCODING = re.compile(r"Tag-File-Character-Encoding: (\S+)")
_LINE_END = re.compile(r"\r\n|\r|\n")


def parse_declaration(content: bytes) -> tuple[Declaration, tuple[Issue, ...]]:
    """Read ``bagit.txt``.

    What cannot be read is taken to be BagIt 1.0 in UTF-8, so that the rest of the bag is checked too.
    """
    issues: list[Issue] = []
    if content.startswith(BOM_UTF8):
        issues.append(_malformed("it begins with a byte-order mark"))
    try:
        lines = _LINE_END.split(content.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError:
        return Declaration(), (_malformed("it is not UTF-8 text"),)
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) != 2:  # noqa: PLR2004  the number of lines that section 2.1.1 demands
        issues.append(_malformed(f"it has {len(lines)} lines instead of two"))
    version = _version(lines[0] if lines else "", issues)
    encoding = _encoding(lines[1] if len(lines) > 1 else "", issues)
    return Declaration(version, encoding), tuple(issues)


def _version(line: str, issues: list[Issue]) -> BagItVersion:
    match = _VERSION.fullmatch(line)
    if match is None:
        written = printable(line[:80])
        issues.append(_malformed(f"its first line must read 'BagIt-Version: M.N', not '{written}'"))
        return CURRENT
    version = BagItVersion(int(match[1]), int(match[2]))
    if version not in PUBLISHED:
        known = ", ".join(map(str, PUBLISHED))
        message = f"bagit.txt says BagIt {match[1]}.{match[2]}; known are {known}."
        issues.append(codes.error(codes.VERSION_UNKNOWN, message, BAGIT_TXT))
        return CURRENT
    return version


def _encoding(line: str, issues: list[Issue]) -> str:
    match = _ENCODING.fullmatch(line)
    if match is None:
        must = "its second line must read 'Tag-File-Character-Encoding: NAME'"
        issues.append(_malformed(f"{must}, not {quoted(line[:80])}"))
        return "utf-8"
    encoding = known_encoding(match[1])
    if encoding is None:
        message = f"bagit.txt names the encoding {quoted(match[1][:80])}, which is not known."
        issues.append(codes.error(codes.ENCODING_UNKNOWN, message, BAGIT_TXT))
        return "utf-8"
    return encoding


def _malformed(why: str) -> Issue:
    return codes.error(codes.DECLARATION_MALFORMED, f"bagit.txt is not a bag declaration: {why}.", BAGIT_TXT)
