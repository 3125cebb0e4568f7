"""How far a drill or a rehearsed loss is, in a line now and then, for a terminal or a log."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flows.archive.fill_progress import FillProgress
from preservation.model.amounts import OnProgress, byte_size, count
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import printable

_PAUSE: Final = 2.0
"""Seconds from one line to the next."""


def terminal_progress(write: Callable[[str], object]) -> Callable[[PackageId, StoreName, str], OnProgress]:
    """Return what makes a counter for each piece of work; ``write`` gets a line every two seconds."""

    def counter(package: PackageId, store: StoreName, work: str) -> OnProgress:
        lock = threading.Lock()
        files = size = 0
        due = time.monotonic() + _PAUSE

        def more(more_files: int, more_bytes: int) -> None:
            nonlocal files, size, due
            with lock:
                files += more_files
                size += more_bytes
                if time.monotonic() < due:
                    return
                due = time.monotonic() + _PAUSE
            write(
                f"{printable(str(package))} from {store}: {work}, {count(files, 'file')}, {byte_size(size)}"
            )

        return more

    return counter


@dataclass
class LossProgress:
    """How far a rehearsal is: the step, its files and bytes; of the filling, percent and time left."""

    step: str = "begins"
    files: int = 0
    bytes: int = 0
    filling: FillProgress | None = None

    def begin(self, step: str) -> None:
        """Begin a step."""
        self.step, self.files, self.bytes = step, 0, 0

    def add(self, files: int, size: int) -> None:
        """Count what was read. Threads may lose a count to each other: it is for people."""
        self.files += files
        self.bytes += size

    def line(self) -> str:
        """Return one line for people."""
        if self.filling is not None:
            return self.filling.line()
        return f"{self.step}: {count(self.files, 'file')}, {byte_size(self.bytes)}"
