"""How far a drill is, in a line now and then, for a terminal or a log."""

import threading
import time
from collections.abc import Callable
from typing import Final

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
