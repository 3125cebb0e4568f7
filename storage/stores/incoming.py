"""The area of a folder store where files are made whole before anyone can see them: ``.incoming``."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from storage.stores.trees import opened_folder, remove_tree, scanned

INCOMING = ".incoming"
"""Also the mark by which a folder is known to be a store, and not the mount point of an absent disk."""

_LOCK = "lock"
_STALE_SECONDS = 24 * 60 * 60


@contextmanager
def working_area(incoming: int) -> Iterator[int]:
    """Make a folder of our own in ``incoming``, locked for as long as we live, and remove it afterwards."""
    name = secrets.token_hex(8)
    os.mkdir(name, 0o700, dir_fd=incoming)
    try:
        with opened_folder(incoming, (name,)) as area:
            lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=area)
            try:
                # Without locks nobody else can lock it either, and what nobody can lock is left alone.
                with suppress(OSError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield area
            finally:
                os.close(lock)
    finally:
        # What cannot be removed now (the disk may be gone) is removed by a later run.
        with suppress(OSError):
            remove_tree(incoming, (name,))


def clear_leftovers(incoming: int) -> None:
    """Remove what runs that were killed left in ``incoming``: older than a day, and locked by nobody."""
    for entry in scanned(incoming):
        # Another run may be clearing the same leftovers: whoever comes second finds nothing.
        with suppress(OSError):
            if _is_stale(incoming, entry.name):
                remove_tree(incoming, (entry.name,))


def _is_stale(incoming: int, name: str) -> bool:
    if time.time() - os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime < _STALE_SECONDS:
        return False
    with opened_folder(incoming, (name,)) as area:
        try:
            lock = os.open(_LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=area)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(lock)
    return True
