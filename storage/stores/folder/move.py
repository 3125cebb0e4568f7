"""Giving a file its final name without ever taking that name from another file."""

import errno
import os

from preservation.files.lock import FOLDER, locked
from storage.stores.folder.linux import rename_without_replacing

_NOT_OFFERED_HERE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
# A layered file system answers EXDEV for folders that it cannot move as a whole.
_FILE_BY_FILE = {*_NOT_OFFERED_HERE, errno.EEXIST, errno.ENOTEMPTY, errno.EXDEV}


def move_without_replacing(
    source_folder: int, source: str, target_folder: int, target: str, *, guard: int
) -> None:
    """Move a file between two open folders of one file system. Raises ``FileExistsError`` or ``OSError``.

    Where the file system cannot refuse to replace, a hard link does; where there are none either
    (some FUSE mounts), creators take turns by locking ``guard``, a folder they all share.
    """
    for attempt in (rename_without_replacing, _link_then_unlink):
        try:
            attempt(source_folder, source, target_folder, target)
        except OSError as error:
            if error.errno not in _NOT_OFFERED_HERE:
                raise
        else:
            return
    _rename_in_turn(source_folder, source, target_folder, target, guard)


def move_folder_without_replacing(source_folder: int, source: str, target_folder: int, target: str) -> bool:
    """Move a whole folder likewise and return True, or change nothing and return False.

    It is False where something has the name, or the file system has no such call: then the caller moves the
    files one by one. Raises ``OSError`` for anything else.
    """
    try:
        rename_without_replacing(source_folder, source, target_folder, target)
    except OSError as error:
        if error.errno in _FILE_BY_FILE:
            return False
        raise
    return True


def _link_then_unlink(source_folder: int, source: str, target_folder: int, target: str) -> None:
    os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
    os.unlink(source, dir_fd=source_folder)


def _rename_in_turn(source_folder: int, source: str, target_folder: int, target: str, guard: int) -> None:
    # A lock belongs to an open file, so each thread must open its own to be kept out by the others.
    with locked(".", flags=FOLDER, dir_fd=guard):
        try:
            os.stat(target, dir_fd=target_folder, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
