"""Telling how far replication has come, from many threads, not too often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from preservation.model.identifiers import StoreName

Item = TypeVar("Item")

_EVERY_FILES = 500
_EVERY_BYTES = 64 << 20


class Step(StrEnum):
    """What is being done at a store."""

    WRITING = "writing"
    READING_BACK = "reading back"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many files and bytes of a step are behind us. Files that were there already are not written."""

    store: StoreName
    step: Step
    files: int
    bytes: int


Listener: TypeAlias = Callable[[Progress], None]
"""Is called from many threads."""


def told(
    items: Iterable[Item],
    size_of: Callable[[Item], int],
    store: StoreName,
    step: Step,
    listener: Listener | None,
) -> Iterator[Item]:
    """Yield ``items``, telling ``listener`` every so often and at the end."""
    if listener is None:
        yield from items
        return
    files = size = told_files = told_bytes = 0
    for item in items:
        yield item
        files += 1
        size += size_of(item)
        if files - told_files >= _EVERY_FILES or size - told_bytes >= _EVERY_BYTES:
            listener(Progress(store, step, files, size))
            told_files, told_bytes = files, size
    listener(Progress(store, step, files, size))
