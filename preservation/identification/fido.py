"""Fido's signatures: the second opinion.

Fido's own loop looks every pattern up in its XML again for each file, and importing it loads an HTTP
client. So its signature file is read here, and matched as fido matches it: at the beginning and at the
end of the file, formats that another match has priority over being dropped. Its container signatures
are not used: they are older than siegfried's, and they inflate whole members of a zip into memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from preservation.errors import ToolMissingError
from preservation.identification.opinions import EngineCandidate, Opinion
from preservation.identification.sieve import Sieve, need_of
from preservation.model.formats import EngineName, EngineRelease, FormatMatch, MimeType, Puid, puid

if TYPE_CHECKING:
    import regex
    from lxml.etree import _Element

FIDO = EngineName("fido")

_WINDOW_BYTES = 128 * 1024
"""How much of a file's beginning and of its end fido looks at."""

_AT_HEAD = frozenset({"BOF", "VAR", "IFB"})
_AT_TAIL = frozenset({"EOF"})


class _Pattern(NamedTuple):
    """A regular expression, and whether it is matched at the beginning of a window or searched for in it."""

    expression: bytes
    anchored: bool


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signature of a format: patterns that must all hold, and whom the format has priority over."""

    candidate: EngineCandidate
    head: tuple[_Pattern, ...]
    tail: tuple[_Pattern, ...]
    priority_over: frozenset[Puid]


def opinion(path: Path) -> Opinion:
    """Return the formats whose signatures the file bears. What cannot be read in time is a remark.

    Raises ``ToolMissingError`` where fido's signatures are not installed.
    """
    try:
        head, tail = _ends(path)
    except OSError as error:
        return Opinion((), (f"fido: {error.strerror or error}",))
    try:
        found = _found(head, tail)
    except TimeoutError:
        return Opinion((), (f"fido: a pattern was not done with this file within {LONGEST_SECONDS:g} s",))
    inferior = frozenset[Puid]().union(*(signature.priority_over for signature in found))
    candidates = dict.fromkeys(signature.candidate for signature in found)
    return Opinion(tuple(candidate for candidate in candidates if candidate.match.puid not in inferior))


@cache
def release() -> EngineRelease:
    """Return fido's version and the PRONOM release that it knows. Raises ``ToolMissingError``."""
    from importlib.metadata import version  # noqa: PLC0415  slow to load, wanted only where fido is asked

    from lxml import etree  # noqa: PLC0415  likewise

    versions = etree.parse(configuration() / "versions.xml")
    return EngineRelease(FIDO, version("opf-fido"), versions.findtext("pronomSignature") or "")


def _found(head: bytes, tail: bytes) -> list[_Signature]:
    return [
        signature
        for signature in _signatures().possible(head)
        if _hold(signature.head, head) and _hold(signature.tail, tail)
    ]


def _hold(patterns: Iterable[_Pattern], window: bytes) -> bool:
    return all(
        test(window)
        for pattern in patterns
        for test in pattern_tests(pattern.expression, anchored=pattern.anchored)
    )


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(_WINDOW_BYTES)
        if size <= _WINDOW_BYTES:
            return head, head
        stream.seek(-_WINDOW_BYTES, os.SEEK_END)
        return head, stream.read(_WINDOW_BYTES)


@cache
def _signatures() -> Sieve[_Signature]:
    """Return PRONOM's signatures as fido has them. Its own additions are no second opinion on a PUID."""
    from lxml import etree  # noqa: PLC0415  slow to load, wanted only where fido is asked

    formats = etree.parse(configuration() / release().signatures)
    return Sieve(
        (need_of(signature.head[0].expression, anchored=signature.head[0].anchored), signature)
        if signature.head
        else (None, signature)
        for element in formats.iterfind("format")
        for signature in _signatures_of(element)
    )


def _signatures_of(element: _Element) -> Iterator[_Signature]:
    candidate = _candidate(element)
    priority_over = frozenset(Puid(inferior.text or "") for inferior in element.iterfind("has_priority_over"))
    for signature in element.iterfind("signature"):
        head, tail = _patterns(signature, _AT_HEAD), _patterns(signature, _AT_TAIL)
        yield _Signature(candidate, head, tail, priority_over)


def _candidate(element: _Element) -> EngineCandidate:
    fields = ("puid", "name", "version", "mime")
    code, name, version, mime = (element.findtext(field) or "" for field in fields)
    match = FormatMatch(puid(code), name, version, "signature match", FIDO)
    return EngineCandidate(match, by_signature=True, mime=MimeType(mime))


def _patterns(signature: _Element, positions: frozenset[str]) -> tuple[_Pattern, ...]:
    return tuple(
        _Pattern((pattern.findtext("regex") or "").encode(), position == "BOF")
        for pattern in signature.iterfind("pattern")
        if (position := pattern.findtext("position")) in positions
    )


def configuration() -> Path:
    """Return the folder of fido's signatures, without importing fido."""
    found = find_spec("fido")
    if found is None or found.origin is None:
        raise ToolMissingError("fido is not installed: reinstall Muniment's environment")
    return Path(found.origin).parent / "conf"


Test: TypeAlias = Callable[[bytes], object]
"""Says, by what it returns being true, whether a window of a file is as it should be."""

LONGEST_SECONDS = 1.0
"""Time for one pattern; what honest files need is a few milliseconds."""

_GAP = re.compile(rb"(?<!\\)\.(?:\*|\{\d+,\d*\})")


@cache
def pattern_tests(expression: bytes, *, anchored: bool) -> tuple[Test, ...]:
    """Return the tests, at least one, that must all hold where the bytes are as ``expression`` says.

    A pattern with gaps (``.{46,1439}``, ``.*``) can be tried in as many ways as its gaps can be filled, and
    a file can be made so that all of them are tried. Such a pattern is matched within a time limit, with
    the interpreter's lock released, and only where its beginning, up to the first gap, is there at all.

    ``anchored``: at the window's beginning, else anywhere in it. A test raises ``TimeoutError`` where
    it would take too long.
    """
    gaps = list(_GAP.finditer(expression))
    # One gap from a fixed beginning can be filled in so many ways as there are bytes, and no more.
    if len(gaps) < (2 if anchored else 1):
        pattern = re.compile(expression)
        return (pattern.match if anchored else pattern.search,)
    beginning = re.compile(expression[: gaps[0].start()])
    quick = beginning.match if anchored else beginning.search
    return (quick, partial(_holds_in_time, expression, anchored))


def _holds_in_time(expression: bytes, anchored: bool, window: bytes) -> bool:  # noqa: FBT001  bound by position
    pattern = _compiled(expression)
    matched = pattern.match if anchored else pattern.search
    return matched(window, timeout=LONGEST_SECONDS, concurrent=True) is not None


@cache
def _compiled(expression: bytes) -> regex.Pattern[bytes]:
    import regex  # noqa: PLC0415  its tables take time to load, and few files need it

    return regex.compile(expression)
