"""Two system calls that a folder store needs and Python does not offer."""

import ctypes
import errno
import os

_NO_REPLACE = 1  # RENAME_NOREPLACE of linux/fs.h
_libc = ctypes.CDLL(None, use_errno=True)


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
