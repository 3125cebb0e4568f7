"""Exclusive locks between processes (flock(2)): held by an open file, and gone with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK_FILE = os.O_RDWR | os.O_CREAT
FOLDER = os.O_RDONLY | os.O_DIRECTORY
"""Flags to lock a folder itself. NFS and SMB lock a folder for one machine only, a file for all of them."""


def lock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file until it is closed everywhere; return whether it is ours.

    Without ``wait`` it is not ours where another open file has the lock now. Raises ``OSError`` where the
    file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(
    place: Path | str,
    *,
    wait: bool = True,
    flags: int = _LOCK_FILE,
    mode: int = 0o644,
    dir_fd: int | None = None,
) -> Iterator[bool]:
    """Hold the lock on what is at ``place`` while the context lasts; gives whether it is ours.

    Args:
        place: Opened anew, so that the threads of a process keep each other out too; never a link.
        wait: Whether to wait for another process that has it. Without, it is not ours then.
        flags: How it is opened: a file that is made where it is missing, unless other flags are given.
        mode: Who may open a file that is made.
        dir_fd: The open folder that ``place`` is relative to.

    Raises:
        OSError: It cannot be opened, or the file system has no locks.
    """
    descriptor = os.open(place, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode, dir_fd=dir_fd)
    try:
        yield lock(descriptor, wait=wait)
    finally:
        os.close(descriptor)
