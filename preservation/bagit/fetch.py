"""The fetch file, ``fetch.txt`` (RFC 8493 section 2.2.3): what is still to be brought into the payload."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from preservation.bagit.manifests import MalformedLine, encode_path
from preservation.model.paths import RelativePath

FETCH_TXT = RelativePath("fetch.txt")


class FetchEntry(NamedTuple):
    """One file to be fetched; ``path`` as it is written there, ``length`` in bytes where it is given."""

    number: int
    url: str
    length: int | None
    path: str


FetchLine: TypeAlias = FetchEntry | MalformedLine

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:[^ \t]+)[ \t]+([0-9]{1,20}|-)[ \t]+(.+)")


def parse_fetch(lines: Iterable[str]) -> Iterator[FetchLine]:
    """Read the lines of a fetch file as they come. Blank lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            yield MalformedLine(number, line)
            continue
        url, length, path = match.groups()
        yield FetchEntry(number, url, None if length == "-" else int(length), path)


def fetch_line(url: str, length: int | None, path: str) -> bytes:
    """Return the line that says where the file at ``path`` is to be had. ``url`` holds no white space."""
    if any(character.isspace() for character in url):
        raise ValueError(f"{url!r} holds white space; percent-encode it")
    return f"{url} {'-' if length is None else length} {encode_path(path)}\n".encode()
