"""Three system calls that a folder store needs and Python does not offer."""

import ctypes
import errno
import os

_NO_REPLACE = 1  # RENAME_NOREPLACE of linux/fs.h
_OPENAT2 = 437  # the same number on every architecture
_NO_LINKS_AND_BENEATH = 0x04 | 0x08  # RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH of linux/openat2.h

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)


class _OpenHow(ctypes.Structure):
    """``struct open_how`` of linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_OPEN_HOW_BYTES = ctypes.sizeof(_OpenHow)


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Open ``path`` below the open ``folder`` as openat2(2) does, following no link anywhere on the way.

    Raises ``OSError``: ``ELOOP`` where there is a link; ``ENOSYS`` or ``EPERM`` where the kernel has no
    such call, or a container forbids it.
    """
    how = _OpenHow(flags, 0, _NO_LINKS_AND_BENEATH)
    while True:
        descriptor = int(_syscall(_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), _OPEN_HOW_BYTES))
        if descriptor >= 0:
            return descriptor
        error = _last_error()
        if error.errno != errno.EINTR:
            raise error


def rename_without_replacing(source_folder: int, source: str, target_folder: int, target: str) -> None:
    """Rename as renameat2(2) does with RENAME_NOREPLACE: in one step, and never onto an existing name.

    Raises ``FileExistsError`` where the target is taken; ``OSError`` with ``EINVAL`` or ``ENOSYS``
    where the file system, the kernel or the C library has no such call.
    """
    if not hasattr(_libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    old, new = os.fsencode(source), os.fsencode(target)
    if _libc.renameat2(source_folder, old, target_folder, new, _NO_REPLACE) != 0:
        raise _last_error()


def sync_file_system(descriptor: int) -> None:
    """Make everything written to the file system that holds ``descriptor`` durable, in one go."""
    if not hasattr(_libc, "syncfs"):
        os.sync()
    elif _libc.syncfs(descriptor) != 0:
        raise _last_error()


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
