"""How far the adoption of packages is, in one line."""

import time
from collections.abc import Callable
from threading import Lock

from flows.adoption.package_plan import PackagePlan
from preservation.model.amounts import byte_size, count
from storage.replication.progress import Progress


class PackageProgress:
    """Counts packages that ended, and the bytes that were read, written and read back for them."""

    def __init__(self, plan: PackagePlan, clock: Callable[[], float] = time.monotonic) -> None:
        self._of = plan.packages
        self._clock = clock
        self._began = clock()
        self._lock = Lock()
        self._ended = self._moved = 0
        self._steps: dict[object, int] = {}

    def read(self, _files: int, size: int) -> None:
        """Count bytes that were read in place. It is called from any thread."""
        with self._lock:
            self._moved += size

    def listen(self, progress: Progress) -> None:
        """Take how far a step of a copy is. It is called from any thread."""
        with self._lock:
            step = (progress.store, progress.step)
            self._moved += max(progress.bytes - self._steps.get(step, 0), 0)
            self._steps[step] = progress.bytes

    def end(self) -> None:
        """Count a package that has ended."""
        with self._lock:
            self._ended += 1
            self._steps = {}

    def line(self) -> str:
        """Return one line for people."""
        seconds = max(self._clock() - self._began, 0.001)
        with self._lock:
            moved, ended = self._moved, self._ended
        rate = byte_size(round(moved / seconds))
        return f"adopting: {ended:,} of {count(self._of, 'package')}, {byte_size(moved)} moved, {rate}/s"
