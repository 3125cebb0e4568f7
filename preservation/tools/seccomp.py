"""System calls that a caged process is refused, under any user (seccomp, Linux 3.5 and later).

It needs no privilege, and so holds for a normal user and in a container alike. It is a list of what is
refused, not of what is allowed: the C libraries below the parsers change what they call from release
to release, and a list of allowed calls would break with each.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from preservation.tools import kernel

_LOAD_WORD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_REFUSE = 0x00050000

_CALL_NUMBER = 0
_ARCHITECTURE = 4
_FIRST_ARGUMENT = 16
_SECOND_ARGUMENT = 24

_X32_CALLS = 0x40000000
_CLONE_THREAD = 0x00010000
_OWNER_SETTING = (8, 15)
"""F_SETOWN, F_SETOWN_EX: the owner of a descriptor is sent a signal, of any kind, when there is news."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """How seccomp names an architecture (AUDIT_ARCH), and its numbers of the calls named here."""

    audit: int
    calls: dict[str, int]


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        {
            "socket": 41, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "fcntl": 72,
            "ptrace": 101, "setpgid": 109, "setsid": 112, "rt_sigqueueinfo": 129, "tkill": 200,
            "tgkill": 234, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
            "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "prlimit64": 302, "setns": 308,
            "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "bpf": 321, "execveat": 322,
            "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "clone3": 435,
            "pidfd_getfd": 438, "process_madvise": 440,
        },
    ),
    "aarch64": _Machine(
        0xC00000B7,
        {
            "fcntl": 25, "unshare": 97, "ptrace": 117, "kill": 129, "tkill": 130, "tgkill": 131,
            "rt_sigqueueinfo": 138, "setpgid": 154, "setsid": 157, "socket": 198, "add_key": 217,
            "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221, "rt_tgsigqueueinfo": 240,
            "perf_event_open": 241, "prlimit64": 261, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "kcmp": 272, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "pidfd_send_signal": 424, "io_uring_setup": 425, "clone3": 435, "pidfd_getfd": 438,
            "process_madvise": 440,
        },
    ),
}  # fmt: skip  # two tables to be compared with the kernel's, not eighty lines

NETWORK = frozenset({"socket", "io_uring_setup"})
"""Refused: every socket, also by way of io_uring, which seccomp does not see into."""

OTHER_PROCESSES = frozenset({
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "prlimit64", "kcmp", "process_madvise",
})  # fmt: skip
"""Refused: reaching into other processes, and setting limits to them."""

KERNEL = frozenset({
    "add_key", "request_key", "keyctl", "unshare", "setns", "perf_event_open", "bpf", "userfaultfd",
})  # fmt: skip
"""Refused: keys, namespaces and tools of the kernel that no parser has a use for, and exploits have."""

NEW_SESSIONS = frozenset({"setsid", "setpgid"})
"""Refused: leaving the process group, which is killed as a whole at the end."""

NEW_PROCESSES = frozenset({"fork", "vfork", "execve", "execveat", "clone", "clone3"})
"""Refused: new processes and programs. Threads remain possible."""

SIGNALS = frozenset({
    "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "fcntl",
})  # fmt: skip
"""Refused: signals to other processes, also by making one the owner of a descriptor (fcntl F_SETOWN).

The C library needs signals within its own.
"""


class _Program(ctypes.Structure):
    """``struct sock_fprog``: a filter of the classic packet-filter language."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def available() -> bool:
    """Say whether filters can be written for this machine."""
    return platform.machine() in _MACHINES


def refuse(calls: Iterable[str]) -> None:
    """Refuse ``calls`` to this process, its threads and all that it starts, from now on.

    Requires ``kernel.forbid_new_privileges``. Raises ``OSError`` where the kernel has no seccomp, and
    ``KeyError`` where the machine is not known (see ``available``).
    """
    instructions = b"".join(_instructions(_MACHINES[platform.machine()], calls))
    kernel.install_filter(_Program(len(instructions) // 8, instructions))


def _instructions(machine: _Machine, calls: Iterable[str]) -> Iterable[bytes]:
    yield _instruction(_LOAD_WORD, _ARCHITECTURE)
    yield _instruction(_JUMP_IF_EQUAL, machine.audit, 1, 0)
    # Calls of another architecture (32-bit code) have other numbers, which no list here speaks of.
    yield _instruction(_RETURN, _KILL_PROCESS)
    yield _instruction(_LOAD_WORD, _CALL_NUMBER)
    yield _instruction(_JUMP_IF_AT_LEAST, _X32_CALLS, 0, 1)
    yield _instruction(_RETURN, _KILL_PROCESS)
    for name in sorted(calls):
        number = machine.calls.get(name)
        # An architecture that came later has no fork and vfork: clone does their work.
        if number is not None:
            yield from _refusal(name, number)
    yield _instruction(_RETURN, _ALLOW)


def _refusal(name: str, number: int) -> Iterable[bytes]:
    exception = {
        "clone": (_JUMP_IF_ANY_BIT, _CLONE_THREAD),
        "kill": (_JUMP_IF_EQUAL, os.getpid()),
        "tgkill": (_JUMP_IF_EQUAL, os.getpid()),
        "prlimit64": (_JUMP_IF_EQUAL, 0),
    }.get(name)
    if name == "fcntl":
        first, second = _OWNER_SETTING
        yield _instruction(_JUMP_IF_EQUAL, number, 0, 5)
        yield _instruction(_LOAD_WORD, _SECOND_ARGUMENT)
        yield _instruction(_JUMP_IF_EQUAL, first, 1, 0)
        yield _instruction(_JUMP_IF_EQUAL, second, 0, 1)
        yield _instruction(_RETURN, _REFUSE | errno.EPERM)
        yield _instruction(_RETURN, _ALLOW)
    elif exception is None:
        # clone3 hides its flags behind a pointer; where there is no such call, the C library uses clone.
        reason = errno.ENOSYS if name == "clone3" else errno.EPERM
        yield _instruction(_JUMP_IF_EQUAL, number, 0, 1)
        yield _instruction(_RETURN, _REFUSE | reason)
    else:
        code, operand = exception
        yield _instruction(_JUMP_IF_EQUAL, number, 0, 4)
        yield _instruction(_LOAD_WORD, _FIRST_ARGUMENT)
        yield _instruction(code, operand, 0, 1)
        yield _instruction(_RETURN, _ALLOW)
        yield _instruction(_RETURN, _REFUSE | errno.EPERM)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """``struct sock_filter``: a code, how many instructions to skip if true and if false, an operand."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)
