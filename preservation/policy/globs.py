"""Patterns for paths, as policies write them: ``*.csv``, ``scans/*.tif``, ``**/__MACOSX/**``.

A pattern without ``/`` is held against the file's own name, in whatever folder it lies; one with
``/`` against the whole path below the root of the drop. ``*`` and ``?`` stay within one name;
``**``, alone between slashes, is any number of folders, also none. Every other character is itself.
Upper and lower case are the same, and so are the ways in which Unicode can spell an accent: people
mean the name they see.
"""

import re
from collections.abc import Callable, Sequence
from typing import NewType

from preservation.model.paths import folded

PathPattern = NewType("PathPattern", str)
"""A pattern for paths below the root of a drop."""

_ANY_FOLDERS = "**"
_ANY_RUN = "*"
_ANY_ONE = "?"


def path_pattern(text: str) -> PathPattern:
    """Return ``text`` as a pattern. Raises ``ValueError`` where it could never take a file."""
    segments = text.split("/")
    if {"", ".", ".."} & set(segments):
        raise ValueError(
            f"{text!r} takes no file; patterns are written like *.csv, scans/*.tif or **/__MACOSX/**, "
            "without '/' at either end and without '.' or '..' between slashes"
        )
    if any(_ANY_FOLDERS in segment and segment != _ANY_FOLDERS for segment in segments):
        raise ValueError(f"{text!r}: '**' stands alone between slashes, as in **/__MACOSX/**")
    return PathPattern(text)


class PathMatcher:
    """Several patterns, held against one path after the other."""

    def __init__(self, patterns: Sequence[PathPattern]) -> None:
        self.patterns = patterns
        self._any_of_them = re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns))

    def matches(self, path: str) -> bool:
        """Say whether any of the patterns takes ``path``."""
        return bool(self.patterns) and self._any_of_them.fullmatch(folded(path)) is not None

    def first_match(self, path: str) -> PathPattern | None:
        """Return the first pattern that takes ``path``, for those who ask why."""
        path = folded(path)
        return next((pattern for pattern in self.patterns if re.fullmatch(_expression(pattern), path)), None)


def can_both_match(left: PathPattern, right: PathPattern) -> bool:
    """Say whether there is a path that both patterns take."""

    def names_meet(one: str, other: str) -> bool:
        return _meet(one, other, _ANY_RUN, lambda a, b: a == b or _ANY_ONE in {a, b})

    return _meet(_segments(left), _segments(right), _ANY_FOLDERS, names_meet)


def _segments(pattern: PathPattern) -> list[str]:
    segments = folded(pattern).split("/")
    if len(segments) == 1:
        segments.insert(0, _ANY_FOLDERS)
    if segments[-1] == _ANY_FOLDERS:
        segments.append(_ANY_RUN)
    return segments


def _expression(pattern: PathPattern) -> str:
    stretches = [""]
    for segment in _segments(pattern):
        if segment == _ANY_FOLDERS:
            stretches.append("")
        else:
            stretches[-1] += _name_expression(segment) + "/"
    return _around(stretches, "[^/]+/").removesuffix("/")


def _name_expression(segment: str) -> str:
    stretches = segment.split(_ANY_RUN)
    return _around([re.escape(stretch).replace(re.escape(_ANY_ONE), "[^/]") for stretch in stretches], "[^/]")


def _around(stretches: list[str], filler: str) -> str:
    """Return an expression for the fixed stretches with any number of fillers between them.

    Between two wildcards the first place where a stretch fits is as good as any later one; saying so
    (an atomic group) keeps hostile names from making the search go back and forth for hours.
    """
    first, *rest = stretches
    if not rest:
        return first
    *middle, last = rest
    return f"{first}{''.join(f'(?>(?:{filler})*?{stretch})' for stretch in middle)}(?:{filler})*{last}"


def _meet(
    left: Sequence[str], right: Sequence[str], wild: str, items_meet: Callable[[str, str], bool]
) -> bool:
    """Say whether one sequence fits both, where ``wild`` stands for any run of items, also none."""
    fits = {(len(left), len(right)): True}
    for i in range(len(left), -1, -1):
        for j in range(len(right), -1, -1):
            if (i < len(left) and left[i] == wild) or (j < len(right) and right[j] == wild):
                fits[i, j] = fits.get((i + 1, j), False) or fits.get((i, j + 1), False)
            elif i < len(left) and j < len(right):
                fits[i, j] = fits.get((i + 1, j + 1), False) and items_meet(left[i], right[j])
    return fits.get((0, 0), False)
