"""How far filling stores is: percent, rate, time left."""

import time
from collections.abc import Callable
from threading import Lock

from flows.archive.progress_line import in_words
from preservation.model.amounts import byte_size, count
from storage.replication.progress import Progress, Step


class FillProgress:
    """Counts the replicas that are to be written, and how much of them is written and read back."""

    def __init__(self, budget: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._began = clock()
        self._lock = Lock()
        self._to_write = self._bytes = 0
        self._done_replicas = self._done = 0
        self._steps: dict[Step, int] = {}

    def expect(self, size: int) -> None:
        """Count a replica that is to be written."""
        self._to_write += 1
        self._bytes += size

    def listen(self, progress: Progress) -> None:
        """Take how far a step of the replica that is being written is. It is called from any thread."""
        with self._lock:
            self._steps[progress.step] = progress.bytes

    def end(self, size: int) -> None:
        """Count a replica that is written, or was given up."""
        with self._lock:
            self._steps = {}
            self._done_replicas += 1
            self._done += size

    def line(self) -> str:
        """Return one line for people."""
        seconds = max(self._clock() - self._began, 0.001)
        with self._lock:
            # Each byte is written once, and read back once.
            done = self._done + sum(self._steps.values()) // len(Step)
        whole = self._bytes if self._budget is None else min(self._bytes, self._budget)
        share = min(1.0, done / whole) if whole else 0.0
        said = [f"{share:.0%}", f"{self._done_replicas:,} of {count(self._to_write, 'replica')}"]
        said += [byte_size(done), f"{byte_size(round(done / seconds))}/s"]
        if 0 < share < 1:
            said.append(f"about {in_words(seconds / share - seconds)} left")
        return "filling: " + ", ".join(said)
