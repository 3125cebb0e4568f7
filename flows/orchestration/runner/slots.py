"""Slots: each worker of this machine holds one for as long as it lives, and is named by it.

A slot is a lock, which the kernel lets go of when a process dies. So the workers of one machine see at once
that another one is dead; whether one of another machine lives, only Prefect can tell.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.installation.settings import Settings


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a worker among those of its machine; ``folder`` has a file for each that there was."""

    folder: Path
    number: int

    @property
    def worker(self) -> str:
        """The name of the worker that holds it: that of the machine, for the second one with a number."""
        return self.folder.name if self.number == 1 else f"{self.folder.name}-{self.number}"

    def dead_workers(self) -> set[str]:
        """Return the names of the workers that were here, and are not any more."""
        numbers = [int(file.stem) for file in self.folder.glob("*.lock")]
        others = [Slot(self.folder, number) for number in numbers if number != self.number]
        return {slot.worker for slot in others if _is_free(slot)}


@contextmanager
def held_slot(settings: Settings) -> Iterator[Slot]:
    """Hold the first slot that no other worker of this machine has, for as long as the context lasts."""
    folder = settings.state / "workers" / socket.gethostname()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 1
    while (lock := _locked(Slot(folder, number))) is None:
        number += 1
    try:
        yield Slot(folder, number)
    finally:
        os.close(lock)


def _locked(slot: Slot) -> int | None:
    """Return the lock of ``slot``, held; ``None`` where a worker has it."""
    lock = os.open(slot.folder / f"{slot.number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _is_free(slot: Slot) -> bool:
    lock = _locked(slot)
    if lock is None:
        return False
    os.close(lock)
    return True
