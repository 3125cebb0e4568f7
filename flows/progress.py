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


def watched(values: Iterable[_Value], what: str, size_of: Callable[[_Value], int]) -> Iterator[_Value]:
    """Pass ``values`` on, and say every few seconds how many files and bytes have passed."""
    size = 0
    said = time.monotonic()
    for count, value in enumerate(values, 1):
        yield value
        size += size_of(value)
        if time.monotonic() - said > _EVERY_SECONDS:
            said = time.monotonic()
            LOG.info("%s: %s files, %s so far", what, f"{count:,}", human_size(size))


def human_size(size: float) -> str:
    """Return a size in bytes as people write it: ``4.1 GB``."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.1f} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"
