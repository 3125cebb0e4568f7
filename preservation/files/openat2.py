"""openat2(2), which opens without following links on the way, and which Python does not offer."""

import ctypes
import errno
import os

CURRENT_FOLDER = -100
"""AT_FDCWD of linux/fcntl.h: stands for the folder in which this process is."""

NO_LINKS = 0x04
"""RESOLVE_NO_SYMLINKS of linux/openat2.h."""

BENEATH = 0x08
"""RESOLVE_BENEATH of linux/openat2.h."""

_OPENAT2 = 437  # the same number on every architecture

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)


class _OpenHow(ctypes.Structure):
    """``struct open_how`` of linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_OPEN_HOW_BYTES = ctypes.sizeof(_OpenHow)


def openat2(folder: int, path: str, flags: int, resolve: int) -> int:
    """Open ``path`` below the open ``folder`` and return its descriptor.

    Raises ``OSError``: ``ELOOP`` where there is a link; ``ENOSYS`` or ``EPERM`` where the kernel has no
    such call, or a container forbids it.
    """
    if "\0" in path:
        # C ends a text there: another file would be opened.
        raise ValueError("a path cannot have a NUL in it")
    how = _OpenHow(flags, 0, resolve)
    while True:
        descriptor = int(_syscall(_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), _OPEN_HOW_BYTES))
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), path)
