"""Files of ours in folders that users write to: known by size and time of change, and never read there."""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.shelf import Shelf
from preservation.files.beneath import A_LINK_NOW

_NO_FILE: Final = -1


class FileMark(msgspec.Struct, frozen=True):
    """By what a file of ours is known again: its size in bytes, and when it was written, in nanoseconds."""

    size: int
    modified: int


def mark_of(folder: Path, name: str) -> FileMark:
    """Return the mark of a file in a folder of ours. Raises ``OSError``."""
    with Shelf(folder).opened() as descriptor:
        return _mark(descriptor, name)


def marks_beside(shelf: Shelf, name: str, endings: tuple[str, ...]) -> dict[str, FileMark]:
    """Return the mark of each file beside ``name``, by its ending. Raises ``OSError``."""
    marks = {}
    with shelf.opened() as descriptor:
        for ending in endings:
            with suppress(FileNotFoundError):
                marks[ending] = _mark(descriptor, f"{name}{ending}")
    return marks


def remove_marked(shelf: Shelf, name: str, marks: Mapping[str, FileMark]) -> None:
    """Remove the files beside ``name`` that are as they were marked; others stay. Raises ``OSError``."""
    try:
        with shelf.opened() as descriptor:
            for ending, mark in marks.items():
                with suppress(FileNotFoundError):
                    if mark.size != _NO_FILE and _mark(descriptor, f"{name}{ending}") == mark:
                        os.unlink(f"{name}{ending}", dir_fd=descriptor)
            os.fsync(descriptor)
    except OSError as error:
        # Where the folder was removed, or a link put in its place, nothing of ours is left there.
        if error.errno not in {errno.ENOENT, *A_LINK_NOW}:
            raise


def _mark(folder: int, name: str) -> FileMark:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return FileMark(found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE, found.st_mtime_ns)
