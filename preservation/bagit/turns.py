"""Work in parts that several processes take in turn: a process that is done with one takes the next.

Processes, because hashing many small files is bound by the interpreter, of which threads share one. They
are forked, so what the work needs is there already and only what it found goes through a pipe.
"""

import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

_Found = TypeVar("_Found")
Work = Callable[[Iterable[int]], _Found]
"""Takes the numbers of its parts, each when it is done with the one before, and returns what it found."""

MOST_PARTS = 4_096
"""All their numbers must find room in a pipe that no process reads yet, which holds 64 KiB."""

_NUMBER_BYTES = 4


def taken_in_turns(work: Work[_Found], parts: int, processes: int) -> list[_Found]:
    """Have ``work`` done on ``parts`` parts in so many processes; return what each of them found.

    This process is one of them, and must run no threads. Where another one perishes, what it had taken is
    not known: everything is done again, here and alone. Raises ``OSError`` where no process is to be had.
    """
    others: list[_Other[_Found]] = []
    if min(processes, parts) < 2:  # noqa: PLR2004  this one alone
        return [work(range(parts))]
    numbers = _numbered_pipe(parts)
    try:
        others.extend(_Other(work, numbers) for _ in range(min(processes, parts) - 1))
        found = [work(_taken_from(numbers))]
        found.extend(one for other in others for one in other.found())
    finally:
        os.close(numbers)
        for other in others:
            other.end()
    return found if len(found) > len(others) else [work(range(parts))]


class _Other(Generic[_Found]):
    def __init__(self, work: Work[_Found], numbers: int) -> None:
        self._answer, answering = os.pipe()
        try:
            self._process = os.fork()
        except OSError:
            os.close(self._answer)
            os.close(answering)
            raise
        if not self._process:
            _work_and_exit(work, numbers, answering)
        os.close(answering)

    def found(self) -> list[_Found]:
        """Wait for what it found; nothing where it perished."""
        with os.fdopen(os.dup(self._answer), "rb") as stream:
            answer = stream.read()
        try:
            return [pickle.loads(answer)]  # noqa: S301  from a process that is a copy of this one
        except (EOFError, pickle.UnpicklingError):
            return []

    def end(self) -> None:
        os.close(self._answer)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def _work_and_exit(work: Work[_Found], numbers: int, answering: int) -> None:
    """Do the work in a forked process, which must not come back: what is its parent's is not its to end."""
    try:
        answer = pickle.dumps(work(_taken_from(numbers)))
        with os.fdopen(answering, "wb") as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def _numbered_pipe(parts: int) -> int:
    """Return the end of a pipe from which each process reads the number of the part that it takes next."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(_NUMBER_BYTES) for number in range(parts)))
    os.close(writing)
    return reading


def _taken_from(numbers: int) -> Iterator[int]:
    while number := os.read(numbers, _NUMBER_BYTES):
        yield int.from_bytes(number)
