"""Saying now and then, while long work lasts, how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread

_FIRST_SECONDS = 5.0
_EVERY_SECONDS = 10.0
_MINUTE = 60
_HOUR = 3600


@contextmanager
def shown(line: Callable[[], str], say: Callable[[str], None]) -> Iterator[None]:
    """Say ``line()`` now and then while the context lasts. What is short says nothing."""
    over = Event()

    def work() -> None:
        wait = _FIRST_SECONDS
        while not over.wait(wait):
            say(line())
            wait = _EVERY_SECONDS

    # A flow run is known by its context.
    thread = Thread(target=copy_context().run, args=(work,), name="progress-line", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def in_words(seconds: float) -> str:
    """Return a duration for people: ``90 s``, ``12 min``, ``3.5 h``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
