"""Waiting for something to come about, for as long as a very busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 240.0
"""Seconds: less than pytest's own limit for a test, so that what did not come about is named."""

_POLL_SECONDS: Final = (0.02, 0.2)
"""The first pause and the longest: each is a quarter longer than the last, for a look costs a server."""

_T = TypeVar("_T")


def until(condition: Callable[[], _T], what: str | Callable[[], str] = "what is waited for") -> _T:
    """Wait until the condition is true, and return what it gave; fail with ``what`` where it never is."""
    deadline = time.monotonic() + PATIENCE
    pause, longest = _POLL_SECONDS
    while not (given := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it does not come about: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.25, longest)
    return given
