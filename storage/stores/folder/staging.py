"""The area of a folder store where files become whole before a reader can see them: ``.incoming``."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from preservation.files.lock import lock
from preservation.files.tree import remove_tree
from storage.stores.folder.tree import opened_folder, scanned

INCOMING = ".incoming"
"""Also the mark by which a folder is known to be a store, and not the mount point of an absent disk."""

_LOCK = "lock"
_STALE_SECONDS = 24 * 60 * 60
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_LONGEST_BOOT = 64


@contextmanager
def working_area(incoming: int) -> Iterator[int]:
    """Make a folder of our own in ``incoming``, locked for as long as we live, and remove it afterwards."""
    name = secrets.token_hex(8)
    os.mkdir(name, 0o700, dir_fd=incoming)
    try:
        with opened_folder(incoming, (name,)) as area:
            held = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=area)
            try:
                # Without locks no other process can lock it either, and what none can lock is left alone.
                with suppress(OSError):
                    if lock(held, wait=False):
                        os.write(held, _BOOT.read_bytes())
                yield area
            finally:
                os.close(held)
    finally:
        # What cannot be removed now (the disk may be gone) is removed by a later run.
        with suppress(OSError):
            _remove(incoming, name)


def clear_leftovers(incoming: int) -> None:
    """Remove what runs that were killed left in ``incoming``: what no process has locked any more.

    Locks are sure within one boot of one machine. What another has left must be a day old besides: on a
    network disk its lock may be unknown here.
    """
    for entry in scanned(incoming):
        # Another run may be clearing the same leftovers: the second one finds nothing.
        with suppress(OSError):
            if _is_stale(incoming, entry.name):
                _remove(incoming, entry.name)


def _is_stale(incoming: int, name: str) -> bool:
    age = time.time() - os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime
    is_old = age >= _STALE_SECONDS
    with opened_folder(incoming, (name,)) as area:
        try:
            left = os.open(_LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=area)
        except FileNotFoundError:
            return is_old
        try:
            # A run writes it under the lock: one that has not written it yet must be able to lock.
            if not is_old and os.read(left, _LONGEST_BOOT) != _BOOT.read_bytes():
                return False
            return lock(left, wait=False)
        except OSError:
            return False
        finally:
            os.close(left)


def _remove(incoming: int, name: str) -> None:
    """Remove an area, the lock last: a later run knows the area by it, where this one is killed meanwhile."""
    with opened_folder(incoming, (name,)) as area:
        for entry in scanned(area):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.name, dir_fd=area)
    remove_tree(name, dir_fd=incoming)
