"""The arrival of restored files in a folder that is there: many renames, which a kill may cut short."""

import errno
import os
from contextlib import closing, suppress
from dataclasses import dataclass

from preservation.files.tree import OpenFolder
from storage.stores.folder.move import move_without_replacing

_WHOLE = "muniment-restored-all"
"""A file beside the folder of the restored files: all of them are there, as they were kept, and durable."""

_FOLDER_BY_FOLDER = {errno.EEXIST, errno.ENOTEMPTY, errno.EXDEV}
"""Why a folder does not move as a whole: its name is taken, or its file system cannot."""


def record_whole(staging: int) -> None:
    """Record, durably, that all files are there: from now on another restore may finish the arrival."""
    os.close(os.open(_WHOLE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=staging))
    os.fsync(staging)


def is_whole(staging: int) -> bool:
    """Return whether ``record_whole`` was called for that folder. Raises ``OSError``."""
    try:
        os.stat(_WHOLE, dir_fd=staging, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Level:
    name: str
    names: list[str]


def move_in(source: int, target: int) -> list[str]:
    """Move all that is in the open folder ``source`` into the open folder ``target``; replace nothing.

    A folder moves as a whole where the target has none of its name. No link in the target is followed.

    Returns:
        The paths whose names were taken there. They stay where they are.

    Raises:
        OSError: Something cannot be moved; what was moved before stays in the target.
    """
    taken = []
    with closing(OpenFolder(source)) as here, closing(OpenFolder(target)) as there:
        way = [_Level("", _names(here.folder))]
        while way:
            if not way[-1].names:
                way.pop()
                if way:
                    here.leave()
                    there.leave()
                continue
            name = way[-1].names.pop()
            try:
                move_without_replacing(here.folder, name, there.folder, name, guard=there.folder)
            except OSError as error:
                if error.errno not in _FOLDER_BY_FOLDER:
                    raise
                if _entered(name, here, there):
                    way.append(_Level(name, _names(here.folder)))
                else:
                    taken.append("/".join((*(level.name for level in way[1:]), name)))
    return taken


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _entered(name: str, here: OpenFolder, there: OpenFolder) -> bool:
    """Enter the folders of that name on both sides; return whether both are folders."""
    try:
        here.enter(name)
    except NotADirectoryError:
        return False
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=there.folder)
    try:
        there.enter(name)
    except NotADirectoryError:
        here.leave()
        return False
    return True
