"""The few calls to Linux that the standard library does not offer."""

import ctypes
import os
import signal
import struct

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWNET = 0x40000000
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 1 << 2


def die_with_parent(parent: int) -> None:
    """Have this process killed when the thread that started it ends, and end now if ``parent`` is gone.

    The kernel forgets this wish whenever the process changes its user.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def forbid_new_privileges() -> None:
    """Let no program that is started from here gain rights by set-user-id bits or file capabilities."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def leave_network() -> bool:
    """Move this process to a network of its own, which has no interface up; say whether that is permitted."""
    refused: int = _libc.unshare(_CLONE_NEWNET)
    return refused == 0


def keep_capabilities() -> None:
    """Keep what root may do over the next change of user, for ``keep_only_reading`` to choose from."""
    _prctl(_PR_SET_KEEPCAPS, 1)


def keep_only_reading() -> None:
    """Give up every capability but that of reading any file (CAP_DAC_READ_SEARCH), for this thread."""
    # capset(2): version and thread (0 is this one); then effective, permitted, inheritable, twice 32 bits.
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    sets = struct.pack("=6I", _CAP_DAC_READ_SEARCH, _CAP_DAC_READ_SEARCH, 0, 0, 0, 0)
    if _libc.capset(header, sets) != 0:
        raise _last_error()


def system_call(number: int, *arguments: object) -> int:
    """Make a system call that the C library has no name for. Raises ``OSError``."""
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise _last_error()
    return result


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *padded) != 0:
        raise _last_error()


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
