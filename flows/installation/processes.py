"""Telling one process from another that is given its number later."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

import msgspec

_DEAD = ("Z", "X")
_START_TICK = 22 - 4  # counted from the field after the state, which is the third


class Process(msgspec.Struct, frozen=True):
    """A process of some machine. ``born`` tells it from another that has its number, before or after.

    ``space`` is what its numbers count in: a container has numbers of its own.
    """

    host: str
    space: str
    pid: int
    born: str

    @property
    def is_dead(self) -> bool:
        """Say whether it is known to be dead; of one of another machine or container nothing is known."""
        return self.is_here and born(self.pid) != self.born

    @property
    def is_here(self) -> bool:
        """Say whether it is, or was, one of this machine, and of the same container."""
        here = this_process()
        return (self.host, self.space) == (here.host, here.space)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    """Return who we are."""
    return _process(os.getpid())


@cache
def _process(pid: int) -> Process:
    space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  what it links to is no path
    return Process(socket.gethostname(), space, pid, born(pid) or "")


def born(pid: int) -> str | None:
    """Return the boot, and the tick after it, in which a process started; ``None`` where none is alive.

    The tick is field 22 of ``/proc/PID/stat``, ``proc(5)``.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path("/proc", str(pid), "stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold anything, brackets too.
    state, *others = stat.rpartition(b")")[2].decode("ascii").split()
    return None if state in _DEAD else f"{boot} {others[_START_TICK]}"
