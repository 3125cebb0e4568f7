"""Progress on long work: now and then a line for whoever waits, on the terminal and in the Prefect UI."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

LOG = logging.getLogger("muniment")
"""What operators read. It may be lost; what must not be is in the journal."""

_EVERY_SECONDS = 5.0
_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1000

_Value = TypeVar("_Value")


class Paced:
    """Lets a line through every few seconds for each ``topic``, and holds back the others."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def allows(self, topic: str) -> bool:
        """Say whether it is time for another line on ``topic``; the first comes after a pause too."""
        now = time.monotonic()
        if now - self._said.setdefault(topic, now) < _EVERY_SECONDS:
            return False
        self._said[topic] = now
        return True


def watched(values: Iterable[_Value], what: str, size_of: Callable[[_Value], int]) -> Iterator[_Value]:
    """Pass ``values`` on, and say every few seconds how many files and bytes have passed."""
    size = 0
    paced = Paced()
    for count, value in enumerate(values, 1):
        yield value
        size += size_of(value)
        if paced.allows(what):
            LOG.info("%s: %s files, %s so far", what, f"{count:,}", human_size(size))


def human_size(size: float) -> str:
    """Return a size in bytes as people write it: ``4.1 GB``."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.1f} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"
