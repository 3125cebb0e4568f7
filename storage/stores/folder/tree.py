"""Folders below an open root, reached segment by segment so that no link in between can lead out."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TypeAlias

from preservation.files.beneath import open_beneath
from preservation.files.tree import opened_below
from preservation.model.paths import path_order

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
    levels = [_entries(root, "/".join(top))]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
            continue
        path, size = entry
        if size is None:
            levels.append(_entries(root, path))
        else:
            yield path, size


def _make(mode: int, folder: int, name: str) -> None:
    os.mkdir(name, mode, dir_fd=folder)
    # mkdir obeys the umask of this process; who may read a store is set for the store.
    with opened_below(folder, (name,)) as made:
        os.fchmod(made, mode)


def _entries(root: int, folder: str) -> Iterator[tuple[str, int | None]]:
    """Yield path and size (``None`` for a folder) of each entry in one folder, in the order of the paths."""
    found: list[tuple[bytes, str, int | None]] = []
    above = f"{folder}/" if folder else ""
    with (
        suppress(FileNotFoundError),
        opened_folder(root, tuple(folder.split("/")) if folder else ()) as opened,
    ):
        # A replica may have a million entries, so each is looked at in as few steps as there can be.
        for entry in scanned(opened):
            name = entry.name
            if not folder and name.startswith("."):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                # Its path continues with "/": that decides its place among longer names of files.
                found.append((path_order(name + "/"), above + name, None))
            else:
                found.append((path_order(name), above + name, status.st_size))
    found.sort()
    for _, path, size in found:
        yield path, size


def scanned(folder: int) -> list[os.DirEntry[str]]:
    """Return the entries of an open folder."""
    with os.scandir(folder) as entries:
        return list(entries)
