"""Which PUIDs PRONOM has given, as far as the signature file that comes with an engine shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from preservation.identification.fido import configuration

_GIVEN: Final = re.compile(rb'PUID="((?:x-)?fmt/)([1-9][0-9]{0,8})"')
_YET_TO_COME: Final = 1000
"""PRONOM gives some hundreds of numbers a year: one that is so far above the last one known is none."""


def doubts_about(puids: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each of the PUIDs that PRONOM has not given.

    Of a number that a later release may have given, nothing is said.
    """
    release, given = _given()
    for puid in sorted(set(puids)):
        kind, _, number = puid.rpartition("/")
        known = given.get(f"{kind}/", frozenset())
        highest = max(known, default=0)
        if int(number) in known or highest < int(number) <= highest + _YET_TO_COME:
            continue
        reason = (
            f"its highest number of that kind was {kind}/{highest}"
            if int(number) > highest
            else "it is withdrawn, or never was one"
        )
        yield f"{puid}: PRONOM has no such format ({release}: {reason}), so what names it never applies"


@cache
def _given() -> tuple[str, dict[str, frozenset[int]]]:
    """Return the name of the newest DROID signature file, and the numbers in it by the kind of PUID."""
    newest = max(
        configuration().glob("DROID_SignatureFile-v*.xml"), key=lambda file: (len(file.name), file.name)
    )
    numbers: dict[str, set[int]] = {}
    for kind, number in _GIVEN.findall(newest.read_bytes()):
        numbers.setdefault(kind.decode(), set()).add(int(number))
    return newest.stem, {kind: frozenset(of_kind) for kind, of_kind in numbers.items()}
