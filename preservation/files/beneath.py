"""Opening what lies below a folder that strangers write to, through no link at any segment of the path.

A path is checked and opened in two steps elsewhere, and between them a folder of it can be exchanged for a
link that leads anywhere. Here a link is refused by the call that opens. Paths may be of any length.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from preservation.files.openat2 import BENEATH, CURRENT_FOLDER, NO_LINKS, openat2

READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened for reading: what was a file when it was found may be a pipe without a writer now."""

LIST_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

A_LINK_NOW = frozenset({errno.ELOOP, errno.ENOTDIR})
"""What opening fails with where something other than a folder is on the way."""

_SEGMENT_BY_SEGMENT = {errno.ENOSYS, errno.EPERM, errno.ENAMETOOLONG}
"""Why one call cannot reach it: none is offered here, or the path as a whole is too long for one."""


def without_links_above(path: Path) -> Path:
    """Return the absolute path to the same entry, without links in the folders that it lies in.

    To be asked once, of a path that an operator gave: from then on no link on the way to it is followed.
    The entry itself may be a link, and stays one.
    """
    return path.parent.resolve() / path.name if path.name else path.resolve()


def open_path(path: str, flags: int) -> int:
    """Open what is at ``path``, where no segment of it is a link, and return its descriptor.

    Raises ``OSError``: ``ELOOP`` or ``ENOTDIR`` where there is a link.
    """
    try:
        return openat2(CURRENT_FOLDER, path, flags | os.O_NOFOLLOW, NO_LINKS)
    except OSError as error:
        if error.errno not in _SEGMENT_BY_SEGMENT:
            raise
    start = os.open("/" if path.startswith("/") else ".", _PASS_FOLDER)
    try:
        return _by_segments(start, path, flags)
    finally:
        os.close(start)


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Open what is at ``path`` below the open ``folder``, where no segment of it is a link.

    Raises ``OSError``: ``ELOOP`` or ``ENOTDIR`` where there is a link, ``EXDEV`` where the path leads out.
    """
    try:
        return openat2(folder, path, flags | os.O_NOFOLLOW, NO_LINKS | BENEATH)
    except OSError as error:
        if error.errno not in _SEGMENT_BY_SEGMENT:
            raise
    if path.startswith("/") or ".." in path.split("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    return _by_segments(folder, path, flags)


def open_plain_file(path: Path | str) -> int:
    """Open the plain file at ``path`` for reading, where no segment of it is a link; return its descriptor.

    Raises ``OSError``, ``EINVAL`` where it is no plain file.
    """
    descriptor = open_path(os.fspath(path), READ_FILE)
    try:
        is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    if not is_plain:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file")
    return descriptor


def read_plain_file(path: Path | str) -> BinaryIO:
    """Return a stream of the plain file at ``path``, opened like ``open_plain_file``. Raises ``OSError``."""
    return open(path, "rb", opener=lambda name, _: open_plain_file(name))


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """Open ``path`` as ``open_path`` does while the context lasts. Raises ``OSError``."""
    descriptor = open_path(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder_of(root: Path | str, path: str) -> Iterator[tuple[int, str]]:
    """Open the folder in which the entry at ``path`` below ``root`` lies; give it with the entry's name.

    They are what ``os`` functions take as ``dir_fd`` and path; without following links, the caller sees to.
    Raises ``OSError``, also where a folder on the way is a link now.
    """
    above, _, name = f"{root}/{path}".rpartition("/")
    with opened(above, _PASS_FOLDER) as folder:
        yield folder, name


def _by_segments(folder: int, path: str, flags: int) -> int:
    *above, last = [segment for segment in path.split("/") if segment not in {"", "."}] or ["."]
    descriptor = os.dup(folder)
    try:
        for segment in above:
            below = os.open(segment, _PASS_FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        return os.open(last, flags | os.O_NOFOLLOW, dir_fd=descriptor)
    finally:
        os.close(descriptor)
