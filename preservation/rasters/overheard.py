"""What decoders say beside their results: C libraries on descriptor 2, imagecodecs by way of ``logging``."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Final

OF_OPENJPEG: Final = 2
"""imagecodecs' level of talk at which OpenJPEG's warnings are logged."""

_MOST_BYTES = 1 << 16
"""As many as a pipe holds: what a library says beyond them is lost, and its faults are found by then."""
_STDERR = 2


class Overheard:
    """What was said since it was last asked for."""

    def __init__(self, reading: int) -> None:
        self._reading = reading

    def take(self) -> str:
        """Return what was said, and forget it."""
        try:
            return os.read(self._reading, _MOST_BYTES).decode("utf-8", "replace").strip()
        except BlockingIOError:
            return ""


@contextlib.contextmanager
def on_stderr() -> Iterator[Overheard]:
    """Listen to what is written to descriptor 2 of this process, which else goes where it went before.

    Pillow's libtiff says there that a fax is damaged, and goes on as if it were not.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = os.dup(_STDERR)
    try:
        os.dup2(writing, _STDERR)
        yield Overheard(reading)
    finally:
        os.dup2(before, _STDERR)
        for descriptor in (reading, writing, before):
            os.close(descriptor)


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.heard) < _MOST_BYTES >> 6:
            self.heard.append(record.getMessage())


@contextlib.contextmanager
def in_log(name: str) -> Iterator[list[str]]:
    """Listen to the logger of a library, also where logging is switched off, as it is in the cage."""
    logger, listener = logging.getLogger(name), _Listener()
    before, propagates = logger.manager.disable, logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    logging.disable(logging.NOTSET)
    try:
        yield listener.heard
    finally:
        logging.disable(before)
        logger.propagate = propagates
        logger.removeHandler(listener)
