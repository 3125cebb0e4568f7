"""Seeing that what a run told Prefect arrives there before the process, or the server, goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

_SECONDS = 10


@contextmanager
def delivered() -> Iterator[None]:
    """Deliver, at the end of the context, the log lines and events that Prefect sends in the background."""
    try:
        yield
    finally:
        EventsWorker.drain_all(timeout=_SECONDS, at_exit=False)
        APILogWorker.drain_all(timeout=_SECONDS, at_exit=False)
