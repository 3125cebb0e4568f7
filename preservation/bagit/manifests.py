"""Manifest lines (RFC 8493 section 2.1.3), written and read one at a time, however many there are."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from preservation.model.digests import HexDigest
from preservation.model.paths import BagPath

MANIFEST_NAME = re.compile(r"(tag)?manifest-([^/]+)\.txt", re.IGNORECASE)
"""The file name of a manifest: whether of tag files, and its algorithm, however it is written."""

_LINE = re.compile(r"(\\?)([0-9A-Fa-f]+)[ \t]+(\*?)(.+)")
_ENCODED = re.compile(r"%(0A|0D|25)", re.IGNORECASE)
_DECODED = {"0A": "\n", "0D": "\r", "25": "%"}
_MD5SUM_ESCAPE = re.compile(r"\\(n|r|\\)")
_MD5SUM_MEANS = {"n": "\n", "r": "\r", "\\": "\\"}


class ManifestEntry(NamedTuple):
    """One line that names a file: the digest in lower case, the path as it is written there.

    ``legacy`` says that the line has the marks of md5sum and its like (section 6.1.3): an asterisk
    before the path, or a backslash before the digest, in which case the path is already unescaped.
    """

    number: int
    digest: HexDigest
    path: str
    legacy: bool


class MalformedLine(NamedTuple):
    """One line that is not of the form it must have. ``number`` counts from 1."""

    number: int
    text: str


class EmptyLine(NamedTuple):
    """One line that names nothing: blank, or a comment as some digest programs write it."""

    number: int


ManifestLine: TypeAlias = ManifestEntry | MalformedLine | EmptyLine


def manifest_line(digest: HexDigest, path: BagPath) -> bytes:
    """Return the line of a manifest that promises ``digest`` for the file at ``path``.

    Two spaces part them, so that sha256sum and its like can check the manifest.
    """
    return f"{digest}  {encode_path(path)}\n".encode()


def encode_path(path: str) -> str:
    """Return ``path`` with line feeds, carriage returns and percent signs percent-encoded, and only these."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def decode_path(written: str) -> str:
    """Return the path that ``written`` stands for. What encodes anything else stays as it is."""
    if "%" not in written:
        return written
    return _ENCODED.sub(lambda match: _DECODED[match[1].upper()], written)


def parse_manifest(lines: Iterable[str]) -> Iterator[ManifestLine]:
    """Read the lines of a manifest, without their line ends, as they come."""
    return itertools.starmap(parse_line, enumerate(lines, 1))


def parse_line(number: int, line: str) -> ManifestLine:
    """Read one line of a manifest, without its line end. ``number`` counts from 1."""
    match = _LINE.fullmatch(line)
    if match is not None:
        escaped, digest, asterisk, path = match.groups()
        if escaped:
            path = _MD5SUM_ESCAPE.sub(lambda found: _MD5SUM_MEANS[found[1]], path)
        return ManifestEntry(number, HexDigest(digest.lower()), path, bool(escaped or asterisk))
    if not line.strip() or line.startswith("#"):
        return EmptyLine(number)
    return MalformedLine(number, line)
