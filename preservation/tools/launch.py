"""Starts one external program in its cage: run by ``cage`` as ``python -I -m preservation.tools.launch``.

A process of its own, because what is to be done between fork and exec cannot be done safely in a copy
of a process that has threads.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from preservation.errors import PreservationError
from preservation.tools import confinement, kernel, seccomp
from preservation.tools.limits import MINIMAL, Limits

_OF_PROGRAMS = frozenset(
    (
        *(
            "execve",
            "fork",
            "vfork",
            "clone",
            "wait4",
            "waitid",
            "kill",
            "tgkill",
            "getpgrp",
            "getpgid",
            "getsid",
        ),
        *(
            "openat",
            "open",
            "creat",
            "fcntl",
            "ioctl",
            "dup2",
            "dup3",
            "pipe",
            "chdir",
            "fchdir",
            "umask",
            "arch_prctl",
        ),
        *(
            "mkdir",
            "mkdirat",
            "unlink",
            "unlinkat",
            "rmdir",
            "rename",
            "renameat",
            "renameat2",
            "link",
            "linkat",
        ),
        *(
            "symlink",
            "symlinkat",
            "truncate",
            "fallocate",
            "statfs",
            "fstatfs",
            "chmod",
            "fchmod",
            "fchmodat",
        ),
        *(
            "prctl",
            "prlimit64",
            "setrlimit",
            "alarm",
            "setitimer",
            "rt_sigsuspend",
            "rt_sigtimedwait",
            "sendto",
        ),
        *("sched_getparam", "sched_getscheduler", "copy_file_range", "sendfile", "utimensat"),
    )
)
"""What programs call beside what a worker does."""


class Launch(msgspec.Struct, frozen=True):
    """What to start, and how. ``report`` is a descriptor to say on why it could not be started."""

    program: str
    arguments: tuple[str, ...]
    scratch: str
    limits: Limits
    parent: int
    report: int


def main() -> None:
    """Shut this process in, then become the program."""
    launch = msgspec.json.decode(sys.argv[1], type=Launch)
    os.set_inheritable(launch.report, False)  # noqa: FBT003  the standard library's own signature
    # Python ignores these two, and what it starts would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        _enter_cage(launch)
        environment = {**MINIMAL, "HOME": launch.scratch, "TMPDIR": launch.scratch}
        os.execve(launch.program, launch.arguments, environment)  # noqa: S606  argv list, no shell: the cage's purpose
    except (PreservationError, OSError) as error:
        os.write(launch.report, str(error).encode())
        os._exit(1)


def _enter_cage(launch: Launch) -> None:
    kernel.die_with_parent(launch.parent)
    os.chdir(launch.scratch)
    confinement.confine(writable=(Path(launch.scratch),), readable=confinement.needed_by_programs())
    confinement.apply(launch.limits)
    confinement.allow_cpu(launch.limits.cpu_seconds)
    confinement.become_nobody()
    confinement.limit_processes(launch.limits.processes)
    kernel.die_with_parent(launch.parent)
    if not os.access(launch.scratch, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {launch.scratch} cannot be reached by the user nobody")
    confinement.allow_calls(seccomp.ALLOWED | _OF_PROGRAMS)


if __name__ == "__main__":
    main()
