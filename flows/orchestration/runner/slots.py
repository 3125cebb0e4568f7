"""Slots: each worker of this machine holds one for as long as it lives, and is named by it.

A slot is a lock, which the kernel releases when a process dies. So the workers of one machine see at once
that another one is dead; whether a worker of another machine lives, only Prefect knows.
"""

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from flows.installation.settings import Settings
from preservation.files.lock import locked


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a worker among those of its machine; ``folder`` has a file for each that there was."""

    folder: Path
    number: int

    @property
    def worker(self) -> str:
        """The name of the worker that holds it: the machine's name, from the second slot on with a number."""
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
    for slot in (Slot(folder, number) for number in count(1)):
        with _locked(slot) as ours:
            if ours:
                yield slot
                return


def _locked(slot: Slot) -> AbstractContextManager[bool]:
    return locked(slot.folder / f"{slot.number}.lock", wait=False, mode=0o600)


def _is_free(slot: Slot) -> bool:
    with _locked(slot) as ours:
        return ours
