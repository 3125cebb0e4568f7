"""What a process does to itself before it touches anything that was dropped. Nothing of it can be undone.

=================  =====================================================  ============================
what               how                                                    where
=================  =====================================================  ============================
sockets            refused by seccomp; a network namespace of its own     x86-64, aarch64; root
writing            Landlock: below the scratch folder only                Linux 5.13 and later
                   the user ``nobody``                                    root
reading            Landlock: programs and libraries only, unless a job    Linux 5.13 and later
                   opens files by path
memory, CPU time,  ``setrlimit``                                          everywhere
files, processes
wall time          watched and killed by the parent                       everywhere
=================  =====================================================  ============================
"""

import contextlib
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
        "/opt",
        "/proc",
        "/sys/devices/system",
        "/dev/null",
        "/dev/urandom",
    ),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/magic", "/etc/mime.types"),
)
_OF_PROGRAMS = ("/bin", "/sbin", "/etc", "/var/lib", "/var/cache", "/dev")


def needed_by_python() -> tuple[Path, ...]:
    """Return what the interpreter and its libraries read: nothing that is private to a user."""
    return _existing(*_OF_THE_SYSTEM, sys.prefix, sys.base_prefix, *sys.path)


def needed_by_programs() -> tuple[Path, ...]:
    """Return what the programs of a system read: themselves, their libraries, fonts, settings."""
    return _existing(*_OF_THE_SYSTEM, *_OF_PROGRAMS)


def _existing(*paths: str) -> tuple[Path, ...]:
    return tuple(path for path in map(Path, paths) if path.is_absolute() and path.exists())


def confine(
    refused_calls: Iterable[str], *, writable: Iterable[Path] = (), readable: Iterable[Path] | None = None
) -> None:
    """Refuse the network, ``refused_calls``, and writing to files but below ``writable``.

    Reading is refused but below ``readable`` and ``writable``, where ``readable`` is given.

    To be called while the process has one thread: threads that are there already would stay outside.
    Raises ``ToolFailedError`` where this machine offers no way to keep a process off the network, and
    ``OSError`` where a folder cannot be opened.
    """
    kernel.forbid_new_privileges()
    offline = os.geteuid() == 0 and kernel.leave_network()
    landlock.restrict_files(writable=writable, readable=readable)
    if seccomp.available():
        seccomp.refuse({*refused_calls, *seccomp.NETWORK, *seccomp.OTHER_PROCESSES, *seccomp.KERNEL})
    elif not offline:
        raise ToolFailedError(
            f"a parser cannot be kept off the network on this machine ({os.uname().machine}): "
            "run Muniment as root, or on x86-64 or aarch64"
        )


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


def limit_processes(more: int) -> None:
    """Let this user have ``more`` processes and threads than now (RLIMIT_NPROC counts all of a user's)."""
    bound = _threads_of(os.getuid()) + more
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (bound, bound))


def _threads_of(user: int) -> int:
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        # Processes end while they are being counted.
        with contextlib.suppress(OSError):
            if process.stat().st_uid == user:
                count += sum(1 for _ in (process / "task").iterdir())
    return count
