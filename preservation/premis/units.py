"""Semantic units as XML text.

Text is put together here, and only here it is escaped; every unit stands on a line of its own. Building
trees or events with lxml takes six times as long, which counts when a million files are described.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from preservation.premis.vocabulary import Term

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**9
_FILE_TIME = re.compile(r"([0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2})\.([0-9]{3}(?:[0-9]{6})?)Z")
NAMESPACE = "http://www.loc.gov/premis/v3"

_NOT_IN_XML = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
# A reader of XML would take a bare CR for LF; the other two would end the line that a unit stands on.
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
_SPECIAL = re.compile(f"[&<>\r\n\t{_NOT_IN_XML}]")
_BEYOND_XML = re.compile(f"[{_NOT_IN_XML}]")
_ENCODED_IN_PATHS = re.compile(f"[%\r\n\t{_NOT_IN_XML}]")


def unit(name: str, *children: str) -> str:
    """Return a semantic unit that holds other units; empty ``children`` are units that do not apply."""
    return f"<{name}>\n{''.join(children)}</{name}>\n"


def leaf(name: str, text: str) -> str:
    """Return a semantic unit that holds text."""
    return f"<{name}>{_escaped(text)}</{name}>\n"


def optional_leaf(name: str, text: str) -> str:
    """Return a semantic unit that holds text, or nothing where there is no text."""
    return leaf(name, text) if text else ""


@lru_cache(maxsize=512)
def controlled(name: str, term: Term) -> str:
    """Return a semantic unit that holds a word of a controlled vocabulary, with the word's URI.

    That names the vocabulary as well: repeating it in ``authority`` and ``authorityURI`` would make
    the record of many small files larger than the files.
    """
    return f'<{name} valueURI="{term.uri}">{_escaped(term.label)}</{name}>\n'


def term_or_word(name: str, word: Term | str) -> str:
    """Return a semantic unit that holds a term of a vocabulary, or a word that no vocabulary has."""
    return leaf(name, word) if isinstance(word, str) else controlled(name, word)


def identifier(name: str, kind: str, value: str, *more: str) -> str:
    """Return an identifier of the form that all PREMIS identifiers share: a type, a value, perhaps roles."""
    return (
        f"<{name}>\n<{name}Type>{kind}</{name}Type>\n<{name}Value>{_escaped(value)}</{name}Value>\n"
        f"{''.join(more)}</{name}>\n"
    )


def original_name(name: str) -> str:
    """Return the ``originalName`` unit with exactly this name: nothing in it is escaped or normalized.

    XML 1.0 has no way to write some control characters. A name with such stands there percent-encoded, as
    ``path_value`` has it, and ``simpleLink`` says so: it holds the whole name as a URI reference.
    """
    if _BEYOND_XML.search(name) is None:
        return leaf("originalName", name)
    exact = quote(name, errors="surrogateescape")
    return f'<originalName simpleLink="{exact}">{_escaped(path_value(name))}</originalName>\n'


def moment(at: datetime) -> str:
    """Return a moment in UTC, to the millisecond (EDTF level 0)."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def file_time(modified: int) -> str:
    """Return the time of a file, in nanoseconds since 1970 (UTC); ``""`` beyond the years 1 to 9999.

    To the millisecond where that is all of it, else to the nanosecond.
    """
    seconds, nanoseconds = divmod(modified, _NANOSECONDS)
    try:
        second = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    fraction = f"{nanoseconds:09}"
    return f"{second.replace(tzinfo=None).isoformat()}.{fraction.removesuffix('000000')}Z"


def nanoseconds_of(time: str) -> int | None:
    """Return what ``file_time`` was given, ``None`` where ``time`` is not of its form."""
    found = _FILE_TIME.fullmatch(time)
    if found is None:
        return None
    try:
        second = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    whole = second - _EPOCH
    return (whole.days * 86_400 + whole.seconds) * _NANOSECONDS + int(found[2].ljust(9, "0"))


def path_value(path: str) -> str:
    r"""Return a bag path as an identifier's value.

    As in a manifest (RFC 8493 section 2.1.3), CR, LF and ``%`` are percent-encoded; so are the
    characters that XML 1.0 cannot hold, and tabs, which readers of XML are free to change. Decoding
    the percent signs gives the path back, exactly.
    """
    return _ENCODED_IN_PATHS.sub(_percent_encoded, path)


def _percent_encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _escaped(text: str) -> str:
    # Hardly any text needs it, and millions of them pass here.
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_reference, text)


def _reference(match: re.Match[str]) -> str:
    character = match[0]
    return _REFERENCES.get(character) or character.encode("unicode_escape").decode()
