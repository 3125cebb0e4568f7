"""Reporting how far replication has come, from many threads, not too often."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeAlias

from preservation.model.identifiers import StoreName

_EVERY_SECONDS = 0.5


class Step(StrEnum):
    """What is being done at a store."""

    WRITING = "writing"
    READING_BACK = "reading back"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many files and bytes of a step are done; those that an earlier try has written count as well.

    A step ends with all of the package: ``PlanOutline.files``, ``PlanOutline.bytes``.
    """

    store: StoreName
    step: Step
    files: int
    bytes: int


Listener: TypeAlias = Callable[[Progress], None]
"""Is called from many threads, for one step of one store by one at a time."""


class StepProgress:
    """Counts what one step of one store has done, and reports it to a listener, where there is one."""

    def __init__(
        self,
        store: StoreName,
        step: Step,
        listener: Listener | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._step = step
        self._listener = listener
        self._clock = clock
        self._files = self._bytes = 0
        self._next = clock() + _EVERY_SECONDS
        self._turn = Lock()

    def add(self, files: int, size: int) -> None:
        """Count so many files and bytes more."""
        if self._listener is None:
            return
        with self._turn:
            self._files += files
            self._bytes += size
            moment = self._clock()
            if moment >= self._next:
                self._next = moment + _EVERY_SECONDS
                self._listener(self._so_far())

    def report(self) -> None:
        """Report at once: the step, or a part of it, has come to its end."""
        if self._listener is not None:
            with self._turn:
                self._listener(self._so_far())

    def _so_far(self) -> Progress:
        return Progress(self._store, self._step, self._files, self._bytes)
