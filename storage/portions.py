"""Cutting a stream into portions: large enough that handing them out costs nothing, small enough to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def in_portions(
    items: Iterable[Item], size_of: Callable[[Item], int], *, most: int, enough: int
) -> Iterator[list[Item]]:
    """Yield ``items`` in lists of at most ``most``, each closed as soon as its sizes come to ``enough``."""
    portion: list[Item] = []
    held = 0
    for item in items:
        portion.append(item)
        held += size_of(item)
        if len(portion) >= most or held >= enough:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion
