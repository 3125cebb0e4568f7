"""Files that a caged process may not write or read, under any user (Landlock, Linux 5.13 and later).

What is open already stays open: a worker reads and writes the descriptors it was handed, and nothing else.
"""

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from preservation.tools import kernel

_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
"""Numbers of the system calls, the same on every architecture."""

_GET_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READING = _READ_FILE | 1 << 3
"""Reading a file, listing a folder (version 1)."""

_WRITING = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""Writing to a file, removing files and folders, making entries of any kind (version 1)."""

_REFER = 1 << 13
_TRUNCATE = 1 << 14
_SCOPES = 0b11
"""Abstract Unix sockets and signals to processes outside (version 6)."""

_TO_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE

_VERSION_OF_REFER, _VERSION_OF_TRUNCATE, _VERSION_OF_SCOPES = 2, 3, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that this kernel offers; 0 where it offers none."""
    try:
        return kernel.system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_GET_VERSION))
    except OSError:
        return 0


def restrict_files(*, readable: Iterable[Path], openable: Iterable[Path]) -> bool:
    """Refuse this process all writing but to ``/dev/null``, and reading; return whether that holds.

    It may read the folders and files ``readable``, and what of ``openable`` is there and no link. Requires
    ``kernel.forbid_new_privileges``. Raises ``OSError`` where a path cannot be opened.
    """
    offered = version()
    if offered == 0:
        return False
    writing = _WRITING
    if offered >= _VERSION_OF_REFER:
        writing |= _REFER
    if offered >= _VERSION_OF_TRUNCATE:
        writing |= _TRUNCATE
    scoped = offered >= _VERSION_OF_SCOPES
    attributes = _Ruleset(writing | _READING, 0, _SCOPES if scoped else 0)
    # Kernels before version 6 refuse a structure that is longer than what they know.
    length = ctypes.sizeof(_Ruleset) if scoped else ctypes.sizeof(ctypes.c_uint64)
    ruleset = kernel.system_call(
        _CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(length), ctypes.c_uint32(0)
    )
    try:
        _allow(ruleset, Path(os.devnull), writing & (_WRITE_FILE | _TRUNCATE))
        for path in readable:
            # What this user cannot reach needs no permission.
            with contextlib.suppress(PermissionError):
                _allow(ruleset, path, _READING)
        for path in openable:
            with contextlib.suppress(OSError):
                _allow(ruleset, path, _READING, os.O_NOFOLLOW)
        kernel.system_call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, access: int, flags: int = 0) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    try:
        # What may be done to folders only, the kernel refuses for a file. A link is given no right at all.
        mode = os.fstat(handle).st_mode
        if stat.S_ISLNK(mode):
            return
        rule = _Beneath(access if stat.S_ISDIR(mode) else access & _TO_A_FILE, handle)
        kernel.system_call(
            _ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(handle)
