"""Rules that could claim one file are an error: which of them was meant would be left to their order.

Two conditions are held apart only by what is certain: formats or names that have nothing in common.
Where that cannot be shown, they overlap.
"""

from __future__ import annotations

from itertools import product

from preservation.policy.globs import PathPattern, can_both_match
from preservation.policy.rules import When


def shared_claim(left: When, right: When) -> str | None:
    """Describe a file that both conditions could take; ``None`` where there is none."""
    if (left.unidentified and right.puid) or (left.puid and right.unidentified):
        return None
    formats = [puid for puid in left.puid or right.puid if puid in (right.puid or left.puid)]
    if not formats and left.puid:
        return None
    left_names, right_names = _names(left), _names(right)
    patterns = next(iter(left_names or right_names), ())[:1]
    for one, other in product(left_names, right_names):
        patterns = next((pair for pair in product(one, other) if can_both_match(*pair)), ())
        if not patterns:
            return None
    described = "a file"
    if formats:
        described += f" of format {formats[0]}"
    elif left.unidentified or right.unidentified:
        described += " of unknown format"
    if patterns:
        described += f" whose path fits {' and '.join(repr(pattern) for pattern in dict.fromkeys(patterns))}"
    return described


def _names(when: When) -> list[tuple[PathPattern, ...]]:
    """Return what a condition asks of paths: a pattern of each tuple has to fit. An extension is one too."""
    extensions = tuple(PathPattern(f"*.{extension}") for extension in when.extension)
    return [patterns for patterns in (when.path, extensions) if patterns]
