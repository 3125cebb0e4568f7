"""Reaching entries whose path is longer than the system takes in one call."""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeAlias

from preservation.model.paths import is_too_long

# Linux takes 4,096 bytes with the closing NUL; the margin is for what is put before or after a path.
_PATH_BYTES = 4000
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SURELY_SHORT = _PATH_BYTES // 4
"""A path of so many characters is not too long, in whatever script it is written."""

Found: TypeAlias = os.DirEntry[str] | OSError
"""An entry, or the reason why its folder cannot be listed (any further)."""


def folder_of(root: Path, path: str) -> AbstractContextManager[tuple[int | None, str]]:
    """Give what ``os`` functions need for the entry at ``path`` below ``root``: ``dir_fd`` and a path.

    Nearly always that is ``None`` and the whole path. Where that would be too long, the folder that
    the entry lies in is opened piece by piece, and stays open that long. Raises ``OSError``.
    """
    whole = f"{root}/{path}"
    if len(whole) <= _SURELY_SHORT or len(os.fsencode(whole)) <= _PATH_BYTES:
        return nullcontext((None, whole))
    return _reached(root, path)


@contextmanager
def opened_file(root: Path, path: str) -> Iterator[int]:
    """Open the file at ``path`` below ``root`` for reading while the context lasts; never a link.

    What was a file when it was found may be a pipe now: it is opened without waiting for a writer.
    Raises ``OSError``.
    """
    with folder_of(root, path) as (dir_fd, reachable):
        descriptor = os.open(reachable, _READ, dir_fd=dir_fd)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def entries_of(folder: Path) -> Iterator[tuple[str, Found]]:
    """Give every entry below ``folder`` with the path of the folder that it lies in, with a closing ``/``.

    The path of ``folder`` itself is ``""``. Nothing is opened, no link is followed, and memory is flat. An
    entry is usable until the next one is asked for. A folder whose path is longer than ``MOST_PATH_BYTES`` is
    not listed: ``ENAMETOOLONG`` is given for it, since each level costs as much as all above it.
    """
    pending = [""]
    while pending:
        below = pending.pop()
        if is_too_long(below):
            yield below, OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            continue
        try:
            # Seen from the folder above, so that the outermost one is not followed either where it is a link.
            with folder_of(folder.parent, f"{folder.name}/{below}".rstrip("/")) as (dir_fd, path):
                descriptor = _open_folder(path, dir_fd)
        except OSError as error:
            yield below, error
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{below}{entry.name}/")
                    yield below, entry
        except OSError as error:
            yield below, error
        finally:
            os.close(descriptor)


@contextmanager
def _reached(root: Path, path: str) -> Iterator[tuple[int | None, str]]:
    folder, _, name = path.rpartition("/")
    descriptor = _opened(root, folder)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def _opened(root: Path, folder: str) -> int:
    descriptor = _open_folder(str(root), None)
    for piece in _pieces(folder):
        try:
            below = _open_folder(piece, descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _pieces(folder: str) -> Iterator[str]:
    """Cut a path at its slashes into pieces that the system takes, as few as can be."""
    piece = ""
    for segment in folder.split("/"):
        longer = f"{piece}/{segment}" if piece else segment
        if piece and len(os.fsencode(longer)) > _PATH_BYTES:
            yield piece
            longer = segment
        piece = longer
    yield piece


def _open_folder(path: str, dir_fd: int | None) -> int:
    return os.open(path, _FOLDER, dir_fd=dir_fd)
