"""Turns: of the commands that preserve on one machine, only so many work at a time; the others wait.

Each has a ticket, a file with a number that it keeps locked: the kernel releases the lock when a process
dies, so the ticket of a dead one delays no other.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from preservation.files.lock import lock, locked

_POLL_SECONDS = 0.2


class Turns:
    """The turns of one command among those of its machine; ``waits`` is called with how many are ahead."""

    def __init__(self, folder: Path, at_a_time: int, waits: Callable[[int], object]) -> None:
        self._folder = folder
        self._at_a_time = at_a_time
        self._waits = waits
        self._ticket = 0
        self._held = -1

    def take(self) -> None:
        """Wait until it is this command's turn: behind those that asked before."""
        with self._alone():
            number = 1 + max(self._tickets(), default=0)
            self._held = os.open(self._file(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._ticket = number
            lock(self._held)
        last = None
        while (ahead := self._ahead()) >= self._at_a_time:
            if ahead != last:
                self._waits(ahead)
                last = ahead
            time.sleep(_POLL_SECONDS)

    def pass_on(self) -> None:
        """Let those that wait have their turns, then take another one."""
        self.release()
        self.take()

    def release(self) -> None:
        """End this command's turn, or its wait for one."""
        if self._ticket:
            self._file(self._ticket).unlink(missing_ok=True)
            os.close(self._held)
            self._ticket = 0

    def _ahead(self) -> int:
        """Return how many living commands have an earlier ticket; remove the tickets of dead ones."""
        with self._alone():
            return sum(1 for number in self._tickets() if number < self._ticket and self._lives(number))

    def _lives(self, number: int) -> bool:
        with suppress(FileNotFoundError), locked(self._file(number), wait=False, flags=os.O_RDWR) as is_free:
            if is_free:
                self._file(number).unlink()
            return not is_free
        return False

    def _tickets(self) -> list[int]:
        return [int(file.stem) for file in self._folder.glob("*.ticket")]

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.ticket"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self._folder / "lock", mode=0o600):
            yield


@contextmanager
def turns(state: Path, at_a_time: int, waits: Callable[[int], object]) -> Iterator[Turns]:
    """Yield the turns of this command, the first one taken; ``state`` is the installation's folder for it."""
    folder = state / "turns" / socket.gethostname()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = Turns(folder, at_a_time, waits)
    try:
        ours.take()
        yield ours
    finally:
        ours.release()
