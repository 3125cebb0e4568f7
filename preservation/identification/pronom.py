"""Which PUIDs PRONOM has given, and to what, as far as the signature file that comes with an engine shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import Final

from preservation.identification.fido import configuration

_GIVEN: Final = re.compile(rb'PUID="((?:x-)?fmt/)([1-9][0-9]{0,8})"')
_FORMAT: Final = re.compile(rb"<FileFormat ([^>]*)>")
_ATTRIBUTE: Final = re.compile(rb'(\w+)="([^"]*)"')
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
def format_names() -> dict[str, str]:
    """Return the name of each format, with its version, by its PUID."""
    names = {}
    newest = _newest()
    for element in _FORMAT.findall(newest.read_bytes()):
        attributes = {key.decode(): unescape(value.decode()) for key, value in _ATTRIBUTE.findall(element)}
        if "PUID" in attributes:
            names[attributes["PUID"]] = (
                f"{attributes.get('Name', '')} {attributes.get('Version', '')}".strip()
            )
    return names


@cache
def _given() -> tuple[str, dict[str, frozenset[int]]]:
    """Return the name of the newest DROID signature file, and the numbers in it by the kind of PUID."""
    newest = _newest()
    numbers: dict[str, set[int]] = {}
    for kind, number in _GIVEN.findall(newest.read_bytes()):
        numbers.setdefault(kind.decode(), set()).add(int(number))
    return newest.stem, {kind: frozenset(of_kind) for kind, of_kind in numbers.items()}


def _newest() -> Path:
    files = configuration().glob("DROID_SignatureFile-v*.xml")
    return max(files, key=lambda file: (len(file.name), file.name))
