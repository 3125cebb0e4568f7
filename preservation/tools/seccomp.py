"""The system calls that a caged process may make, under any user (seccomp, by way of libseccomp).

A list of what is allowed: whatever is not on it, and whatever the kernel gains later, is answered as by a
kernel that does not have it (ENOSYS), on which C libraries and language runtimes fall back to an older call.
It needs no privilege, and so holds for a normal user and in a container alike. docs/adr/0010 has the reasons.
"""

import ctypes
import errno
import fcntl
import os
import platform
import termios
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_REFUSE = 0x00050000
_EQUAL, _EQUAL_UNDER_MASK = 4, 7
_NO_SUCH_CALL = -1
_WHEN_FOREIGN, _FOR_ALL_THREADS, _OPTIMIZE = 2, 4, 8
"""Attributes of a filter: what befalls calls of another architecture; whether other threads get it too."""
_AS_A_TREE = 2

MACHINES = ("x86_64", "aarch64", "riscv64")
"""Those whose filters the tests try; elsewhere clone may take its flags in another place."""

_READING = (
    *("read", "readv", "pread64", "lseek", "close", "getdents64", "getcwd"),
    *("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"),
    *("readlink", "readlinkat", "fadvise64", "dup"),
)
_WRITING = ("write", "writev", "pwrite64", "ftruncate")
"""To what is open: the outputs, and the channel."""

_CHANNEL = ("recvfrom", "recvmsg")

_WAITING = (
    *("poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait"),
    *("epoll_pwait2", "eventfd2", "pipe2", "nanosleep", "clock_nanosleep", "restart_syscall"),
)
_MEMORY = ("brk", "mmap", "munmap", "mremap", "mprotect", "madvise")
_THREADS = (
    *("futex", "futex_waitv", "set_robust_list", "rseq", "gettid", "exit", "exit_group"),
    *("sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
)
_ASKING = (
    *("clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrusage", "getcpu", "getrandom"),
    *("getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getrlimit"),
    *("uname", "sysinfo"),
)

ALLOWED = frozenset((*_READING, *_WRITING, *_CHANNEL, *_WAITING, *_MEMORY, *_THREADS, *_ASKING))
"""Allowed with any arguments. An architecture that came later lacks the older of a pair, as stat of statx."""

_NEITHER_CREATES_NOR_WRITES = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC

_CLONE_THREAD = 0x00010000
_NAMESPACES = 0x7E020080
"""Every CLONE_NEW flag: time, mount, cgroup, uts, ipc, user, process, network."""

_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41
"""Names of threads and of pieces of memory, which runtimes set for who looks at them."""

_OF_DESCRIPTORS = (
    fcntl.F_DUPFD,
    fcntl.F_DUPFD_CLOEXEC,
    fcntl.F_GETFD,
    fcntl.F_SETFD,
    fcntl.F_GETFL,
    fcntl.F_SETFL,
)
"""Not F_SETOWN, which has signals sent to others, no leases, no seals, no larger pipes."""

_TERMINAL_TO_ASK = (termios.TCGETS, 0x802C542A)
"""TCGETS and the TCGETS2 of younger C libraries: Python asks of each file whether it is a terminal."""

_TO_DEVICES = (*_TERMINAL_TO_ASK, termios.FIOCLEX, termios.FIONCLEX, termios.FIONREAD, termios.FIONBIO)


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``: with a mask, ``first`` is the mask and ``second`` the value."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class CallRule(NamedTuple):
    """A call that is allowed where its ``argument`` (from 0), seen through ``mask``, equals ``value``."""

    call: str
    argument: int
    value: int
    mask: int | None = None


def by_argument() -> tuple[CallRule, ...]:
    """Return the calls that this process may make with some arguments only."""
    return (
        CallRule("openat", 2, os.O_RDONLY, _NEITHER_CREATES_NOR_WRITES),
        CallRule("open", 1, os.O_RDONLY, _NEITHER_CREATES_NOR_WRITES),
        CallRule("sendto", 4, 0),
        CallRule("clone", 0, _CLONE_THREAD, _CLONE_THREAD | _NAMESPACES),
        CallRule("kill", 0, os.getpid()),
        CallRule("tgkill", 0, os.getpid()),
        CallRule("prlimit64", 0, 0),
        *(CallRule("prctl", 0, option) for option in (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)),
        *(CallRule("fcntl", 1, command) for command in _OF_DESCRIPTORS),
        *(CallRule("ioctl", 1, request) for request in _TO_DEVICES),
    )


def available() -> bool:
    """Say whether a filter can be made here: libseccomp is installed, and the machine is one we know."""
    return platform.machine() in MACHINES and _library() is not None


def allow_only(calls: Iterable[str], ruled: Iterable[CallRule]) -> None:
    """Refuse all but ``calls`` and ``ruled`` to all threads of this process, and to all that it starts.

    A call of another architecture (x32, 32-bit code) ends the process. Requires ``available`` and
    ``kernel.forbid_new_privileges``. Raises ``OSError`` where the kernel has no seccomp.
    """
    library = _library()
    if library is None:
        raise OSError(errno.ENOSYS, "libseccomp is not installed")
    draft = library.seccomp_init(_REFUSE | errno.ENOSYS)
    if draft is None:
        raise OSError(errno.ENOMEM, "libseccomp has no room for a filter")
    try:
        fill(library, draft, calls, ruled)
        _check(library.seccomp_load(draft))
    finally:
        library.seccomp_release(draft)


def fill(library: ctypes.CDLL, draft: int, calls: Iterable[str], ruled: Iterable[CallRule]) -> None:
    """Put into a filter what it allows, for whichever architecture it is made."""
    _check(library.seccomp_attr_set(draft, _WHEN_FOREIGN, _KILL_PROCESS))
    _check(library.seccomp_attr_set(draft, _FOR_ALL_THREADS, 1))
    # Before libseccomp 2.5 there are no trees: the filter is then searched from its beginning.
    library.seccomp_attr_set(draft, _OPTIMIZE, _AS_A_TREE)
    for call in calls:
        _allow(library, draft, call)
    for rule in ruled:
        if rule.mask is None:
            comparison = _Comparison(rule.argument, _EQUAL, rule.value, 0)
        else:
            comparison = _Comparison(rule.argument, _EQUAL_UNDER_MASK, rule.mask, rule.value)
        _allow(library, draft, rule.call, comparison)


def _allow(library: ctypes.CDLL, draft: int, call: str, *comparisons: _Comparison) -> None:
    number = library.seccomp_syscall_resolve_name(call.encode())
    # What this libseccomp does not know stays refused; what this architecture lacks, it leaves out.
    if number != _NO_SUCH_CALL:
        count = len(comparisons)
        _check(
            library.seccomp_rule_add_array(draft, _ALLOW, number, count, (_Comparison * count)(*comparisons))
        )


def _check(result: int) -> None:
    if result < 0:
        raise OSError(-result, f"seccomp: {os.strerror(-result)}")


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = library.seccomp_load.argtypes = (ctypes.c_void_p,)
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_rule_add_array.argtypes = (
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint),
        ctypes.POINTER(_Comparison),
    )
    return library
