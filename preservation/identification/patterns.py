"""Testing bytes against fido's patterns, of which some could be kept trying for years.

A pattern with gaps (``.{46,1439}``, ``.*``) can be tried in as many ways as its gaps can be filled, and
a file can be made so that all of them are tried. Such a pattern is matched within a time limit, with
the interpreter's lock released, and only where its beginning, up to the first gap, is there at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import regex

Test: TypeAlias = Callable[[bytes], object]
"""Says, by what it returns being true, whether a window of a file is as it should be."""

LONGEST_SECONDS = 1.0
"""Time for one pattern; what honest files need is a few milliseconds."""

_GAP = re.compile(rb"(?<!\\)\.(?:\*|\{\d+,\d*\})")


@cache
def pattern_tests(expression: bytes, *, anchored: bool) -> tuple[Test, ...]:
    """Return the tests, at least one, that must all hold where the bytes are as ``expression`` says.

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
