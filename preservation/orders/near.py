"""Names that a person may have meant: one slip of the hand apart, whatever their case and leading zeros."""

import re
from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

from preservation.model.paths import folded

MOST_NEAR: Final = 3
_SHORTEST: Final = 3
"""In a name of two characters, one other is half of it."""
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")


def near_names(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return up to ``MOST_NEAR`` of ``names`` that are near ``name``, the nearest first.

    What differs in case, spelling and leading zeros alone is nearest; then comes one pair of characters that
    changed places; then one character that is another, lacks, or is too many. Each name takes linear time.
    """
    meant = _without_slips(name)
    ranked = ((rank, one) for one in names if (rank := _distance(meant, _without_slips(one))) is not None)
    return tuple(one for _, one in nsmallest(MOST_NEAR, ranked))


def _without_slips(name: str) -> str:
    return _LEADING_ZEROS.sub("", folded(name))


def _distance(one: str, other: str) -> int | None:
    """Return how far two names are apart: 0, 1 (a pair changed places), 2 (one character); else ``None``."""
    if one == other:
        return 0
    if abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < _SHORTEST:
        return None
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    end = 0
    while end < min(len(one), len(other)) - begin and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[begin : len(one) - end], other[begin : len(other) - end]
    if len(left) <= 1 and len(right) <= 1:
        return 2
    return 1 if len(left) == 2 and left == right[::-1] else None  # noqa: PLR2004  a pair
