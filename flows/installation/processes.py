"""Identifying a process, also after its number was given to another one."""

import os
import socket
from functools import cache
from pathlib import Path

import msgspec

_DEAD = ("Z", "X")
_START_TICK = 22 - 4  # counted from the field after the state, which is the third


class Process(msgspec.Struct, frozen=True):
    """A process of a machine. ``born`` distinguishes it from earlier and later processes of its number.

    ``space`` is its namespace of process numbers: a container has its own.
    """

    host: str
    space: str
    pid: int
    born: str

    @property
    def is_dead(self) -> bool:
        """Whether it is known to be dead; nothing is known of another machine or container."""
        return self.is_here and born(self.pid) != self.born

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, of this machine and container."""
        here = this_process()
        return (self.host, self.space) == (here.host, here.space)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    """Return the current process."""
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
