"""Trying out a folder store: everything it must be able to do, done once in its incoming area."""

from __future__ import annotations

import errno
import os

from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.tree import scanned

_PROBE = b"Muniment was here to see whether this store works.\n"


def probe_area(area: int, *, guard: int) -> None:
    """Create, move, read back and list a file, and see that it cannot be replaced. Raises ``OSError``."""
    for name in ("first", "second"):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444, dir_fd=area)
        try:
            os.write(descriptor, _PROBE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    move_without_replacing(area, "first", area, "kept", guard=guard)
    try:
        move_without_replacing(area, "second", area, "kept", guard=guard)
    except FileExistsError:
        pass
    else:
        raise OSError(errno.ENOTSUP, "the file system replaced a file that was to be kept")
    descriptor = os.open("kept", os.O_RDONLY | os.O_CLOEXEC, dir_fd=area)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if os.read(descriptor, len(_PROBE) + 1) != _PROBE or all(
            entry.name != "kept" for entry in scanned(area)
        ):
            raise OSError(errno.EIO, "what was written did not come back")
    finally:
        os.close(descriptor)
