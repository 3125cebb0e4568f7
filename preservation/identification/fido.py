"""Fido, in process: the second opinion.

Fido's own loop looks every pattern up in its XML again for each file. Here its signatures are
loaded by fido, compiled once, and matched as fido matches them: at the beginning and at the end of
the file, formats that another match has priority over being dropped. Its container signatures are
not used: they are older than siegfried's, and they inflate whole members of a zip into memory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from preservation.identification.opinions import Claim, Opinion
from preservation.identification.patterns import LONGEST_SECONDS, Test, pattern_tests
from preservation.model.formats import EngineName, EngineRelease, FormatMatch, MimeType, Puid, puid

if TYPE_CHECKING:
    from fido.fido import Fido

FIDO = EngineName("fido")

_WINDOW_BYTES = 128 * 1024
"""How much of a file's beginning and of its end fido looks at."""

_AT_HEAD = frozenset({"BOF", "VAR", "IFB"})
_AT_TAIL = frozenset({"EOF"})


@dataclass(frozen=True, slots=True)
class _Signature:
    """The remaining tests of one signature of a format, and whom the format has priority over."""

    claim: Claim
    head: tuple[Test, ...]
    tail: tuple[Test, ...]
    priority_over: frozenset[Puid]


def opinion(path: Path) -> Opinion:
    """Return the formats whose signatures the file bears. What cannot be read in time is a remark."""
    try:
        head, tail = _ends(path)
    except OSError as error:
        return Opinion((), (f"fido: {error.strerror or error}",))
    try:
        found = _found(head, tail)
    except TimeoutError:
        return Opinion((), (f"fido: a pattern was not done with this file within {LONGEST_SECONDS:g} s",))
    inferior = frozenset[Puid]().union(*(signature.priority_over for signature in found))
    claims = dict.fromkeys(signature.claim for signature in found)
    return Opinion(tuple(claim for claim in claims if claim.match.puid not in inferior))


@cache
def release() -> EngineRelease:
    """Return fido's version and the PRONOM release that it knows."""
    from fido import __version__  # noqa: PLC0415  a third of a second, wanted only where fido is asked
    from fido.versions import get_local_versions  # noqa: PLC0415  likewise

    return EngineRelease(FIDO, __version__, get_local_versions().pronom_signature)


def _found(head: bytes, tail: bytes) -> list[_Signature]:
    # Nearly every signature fails at its first test, two thousand times a file: so that stands alone.
    likely = [signature for first, signature in _signatures() if first(head)]
    return [
        signature
        for signature in likely
        if all(test(head) for test in signature.head) and all(test(tail) for test in signature.tail)
    ]


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(_WINDOW_BYTES)
        if size <= _WINDOW_BYTES:
            return head, head
        stream.seek(-_WINDOW_BYTES, os.SEEK_END)
        return head, stream.read(_WINDOW_BYTES)


@cache
def _signatures() -> tuple[tuple[Test, _Signature], ...]:
    """Return the first test of every signature of fido's, with the rest of the signature."""
    from fido.fido import Fido  # noqa: PLC0415  a third of a second, wanted only where fido is asked

    # Without fido's own additions to PRONOM: a second opinion on a PUID rests on PRONOM's signatures.
    loaded = Fido(quiet=True, nocontainer=True, format_files=[release().signatures])
    signatures = []
    for element in loaded.formats:
        claim = _claim(loaded, element)
        priority_over = loaded.puid_has_priority_over_map[claim.match.puid]
        for patterns in map(loaded.get_patterns, loaded.get_signatures(element)):
            first, *others = _tests(loaded, patterns, _AT_HEAD) or (_always,)
            tail = _tests(loaded, patterns, _AT_TAIL)
            signatures.append((first, _Signature(claim, tuple(others), tail, priority_over)))
    return tuple(signatures)


def _claim(loaded: Fido, element: Element) -> Claim:
    name, version, mime = (element.findtext(field) or "" for field in ("name", "version", "mime"))
    code = puid(loaded.get_puid(element))
    return Claim(
        FormatMatch(code, name, version, "signature match", FIDO), by_signature=True, mime=MimeType(mime)
    )


def _tests(loaded: Fido, patterns: list[Element], positions: frozenset[str]) -> tuple[Test, ...]:
    return tuple(
        test
        for pattern in patterns
        if (position := loaded.get_pos(pattern)) in positions
        for test in pattern_tests(loaded.get_regex(pattern), anchored=position == "BOF")
    )


def _always(_: bytes) -> bool:
    return True
