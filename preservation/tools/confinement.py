"""What a process does to itself before it touches anything that was dropped. Nothing of it can be undone.

=================  =====================================================  ============================
what               how                                                    where
=================  =====================================================  ============================
system calls       seccomp: those on a list, all others refused           x86-64, aarch64, riscv64
network            no call that makes a socket is on the list             the same
                   a network namespace of its own                         root
writing            no call that opens for writing is on the list          x86-64, aarch64, riscv64
                   Landlock: nowhere                                      Linux 5.13 and later
                   the user ``nobody``                                    root
reading            Landlock: libraries only, and what a job opens         Linux 5.13 and later
memory, CPU time,  ``setrlimit``                                          everywhere
files
wall time          watched and killed by the parent                       everywhere
=================  =====================================================  ============================
"""

import errno
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from preservation.errors import ToolFailedError
from preservation.tools import kernel, landlock, seccomp
from preservation.tools.limits import Limits

NOBODY = 65534
"""User and group that own nothing, by the kernel's own convention (overflowuid)."""


_OF_THE_SYSTEM = (
    *(
        "/usr",
        "/lib",
        "/lib32",
        "/lib64",
        "/proc",
        "/sys/devices/system",
        "/sys/kernel/mm/transparent_hugepage",
        "/dev/null",
        "/dev/urandom",
    ),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/magic", "/etc/mime.types"),
)


def needed_by_python() -> tuple[Path, ...]:
    """Return what the interpreter and its libraries read: nothing that is private to a user."""
    # The core by itself: where it is not installed, it lies in a project's folder, which may hold anything.
    core = Path(__file__).parents[1]
    return _existing(*_OF_THE_SYSTEM, sys.prefix, sys.base_prefix, str(core))


def _existing(*paths: str) -> tuple[Path, ...]:
    return tuple(path for path in map(Path, paths) if path.is_absolute() and path.exists())


def confine(*, readable: Iterable[Path], openable: Iterable[Path] = ()) -> None:
    """Leave the network, and refuse writing, and reading but below ``readable``.

    ``openable`` is read too, where it is there and no link: what was dropped may be gone or exchanged by now.
    To be called while the process has one thread: threads that are there already would stay outside.
    Raises ``ToolFailedError`` where this machine offers no way to limit system calls, and ``OSError``
    where a folder cannot be opened.
    """
    if not seccomp.available():
        raise ToolFailedError(
            f"a parser cannot be caged on this machine ({os.uname().machine}): it takes one of "
            f"{', '.join(seccomp.MACHINES)}, and libseccomp (apt-get install libseccomp2)"
        )
    kernel.forbid_new_privileges()
    if os.geteuid() == 0:
        kernel.leave_network()
    landlock.restrict_files(readable=readable, openable=openable)


def allow_calls(calls: Iterable[str] = seccomp.ALLOWED) -> None:
    """Refuse all system calls but ``calls`` and some by their arguments, to all threads.

    To be called last, after ``confine``: what comes before it takes calls that no parser needs. Raises
    ``OSError`` where the kernel has no seccomp.
    """
    seccomp.allow_only(calls, seccomp.by_argument())


def apply(limits: Limits) -> None:
    """Set the limits that the kernel enforces, except CPU time, which is counted anew for each request."""
    for what, ceiling in (
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        bound = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
        resource.setrlimit(what, (bound, bound))


def allow_cpu(seconds: int) -> None:
    """Let this process use ``seconds`` of CPU time from now on; then the kernel kills it with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, hard))


def become_nobody(*, who_reads_all: bool = False) -> None:
    """Give up the rights of root, where they are held and can be given up.

    In a user namespace that knows no other user they cannot; there, what ``confine`` refuses is refused
    to root too. ``who_reads_all`` keeps one of them, that of reading every file; threads that are there
    already would not have it.
    """
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        if who_reads_all:
            kernel.keep_capabilities()
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        if who_reads_all:
            kernel.keep_only_reading()
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EINVAL}:
            raise
