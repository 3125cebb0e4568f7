"""Folders below an open root, reached segment by segment so that no link in between can lead out."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TypeAlias

from preservation.files.beneath import open_beneath
from preservation.files.tree import opened_below

Segments: TypeAlias = tuple[str, ...]
"""A path below the root, in its parts."""


def opened_folder(root: int, segments: Segments, *, make: int | None = None) -> AbstractContextManager[int]:
    """Open the folder at ``segments`` below ``root``, making with the mode ``make`` what is missing.

    Raises ``OSError``: ``ENOENT`` where it is missing, ``ENOTDIR`` or ``ELOOP`` where something other
    than a folder is in the way.
    """
    return opened_below(root, segments, make=None if make is None else partial(_make, make))


def open_below(root: int, segments: Segments, flags: int) -> int:
    """Open what is at ``segments`` below ``root`` and return its descriptor. Raises ``OSError``."""
    return open_beneath(root, "/".join(segments), flags)


def walk_files(root: int, top: Segments) -> Iterator[tuple[str, int]]:
    """Yield the path below ``root`` and the size of everything below ``top`` that is not a folder.

    In the order of the paths' bytes. One folder's names are held at a time for each level. What
    vanishes meanwhile is passed over, and so is what begins with a dot in the root itself: it is the
    store's own.
    """
    levels = [_entries(root, top)]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
            continue
        path, size = entry
        if size is None:
            levels.append(_entries(root, path))
        else:
            yield "/".join(path), size


def _make(mode: int, folder: int, name: str) -> None:
    os.mkdir(name, mode, dir_fd=folder)
    # mkdir obeys the umask of this process; who may read a store is set for the store.
    with opened_below(folder, (name,)) as made:
        os.fchmod(made, mode)


def _entries(root: int, folder: Segments) -> Iterator[tuple[Segments, int | None]]:
    """Yield path and size (``None`` for a folder) of each entry in one folder, in the order of the paths."""
    found: list[tuple[str, int | None]] = []
    with suppress(FileNotFoundError), opened_folder(root, folder) as descriptor:
        for entry in scanned(descriptor):
            if folder or not entry.name.startswith("."):
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.name, None if stat.S_ISDIR(status.st_mode) else status.st_size))
    # A folder's path continues with "/": that decides its place among longer names of files.
    found.sort(key=lambda entry: os.fsencode(entry[0] if entry[1] is not None else entry[0] + "/"))
    for name, size in found:
        yield (*folder, name), size


def scanned(folder: int) -> list[os.DirEntry[str]]:
    """Return the entries of an open folder."""
    with os.scandir(folder) as entries:
        return list(entries)
