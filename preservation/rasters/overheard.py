"""What decoders say beside their results: C libraries on descriptor 2, imagecodecs by way of ``logging``."""

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

DAMAGED: Final = "its image data is damaged: a part of the picture is missing or was overwritten"
"""What a warning about image data means."""

OF_OPENJPEG: Final = 2
"""imagecodecs' level of talk at which OpenJPEG's warnings are logged."""

_OF_TIFF_DATA = re.compile(
    r"Premature EOL|Line length mismatch|Bad code|Fewer|Try to decode|Discarding|not terminated|[Cc]orrupt"
    r"|Not enough data|Uncompressed data|[Pp]remature end|extraneous"
)
"""What libtiff warns of in image data. Its warnings of unknown fields and the like say nothing of damage."""

ABOUT_PACKETS = re.compile(r"expected SOP marker", re.IGNORECASE)
"""The marker may be left out of packets, also where a codestream says that it may be there."""
_ABOUT_PARTS = re.compile("TPsot==TNsot")
"""Of a numbering of parts that Adobe's programs write: every decoder reads it."""

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


def damage_in_tiff(said: Iterable[str]) -> list[str]:
    """Return what of libtiff's words is about damaged image data."""
    return [line for line in said if _OF_TIFF_DATA.search(line)]


def damage_in_jpeg_2000(said: Iterable[str]) -> list[str]:
    """Return what of OpenJPEG's words is about damaged image data."""
    return [line for line in said if not (ABOUT_PACKETS.search(line) or _ABOUT_PARTS.search(line))]


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
