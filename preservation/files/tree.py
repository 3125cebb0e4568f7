"""Whole folders of any depth, with any names in them, since a stranger may have made them.

Nothing here calls itself for each level, and no link is followed.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from preservation.files.beneath import LIST_FOLDER, READ_FILE, open_beneath

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FOLDER: Final = {errno.ENOTDIR, errno.ELOOP}


def make_folders(folder: Path) -> None:
    """Make a folder, and those above it that are missing. Raises ``OSError``."""
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        missing = [folder]
        while not missing[-1].parent.exists():
            missing.append(missing[-1].parent)
        for one in reversed(missing):
            one.mkdir(exist_ok=True)


def make_folder(folder: int, name: str) -> None:
    """Make a folder in an open one. Raises ``OSError``."""
    os.mkdir(name, dir_fd=folder)


@contextmanager
def opened_below(
    folder: int, names: Sequence[str], *, make: Callable[[int, str], None] | None = None
) -> Iterator[int]:
    """Open the folder that ``names`` lead to from an open one; those that are missing are made with ``make``.

    Raises ``OSError``: ``FileNotFoundError`` where one is missing; ``ENOTDIR`` or ``ELOOP`` where something
    else, such as a link, has its name.
    """
    try:
        # One system call, however deep it is.
        below = open_beneath(folder, "/".join(names) or ".", LIST_FOLDER)
    except FileNotFoundError:
        if make is None:
            raise
        below = _made_below(folder, names, make)
    try:
        yield below
    finally:
        os.close(below)


def _made_below(folder: int, names: Sequence[str], make: Callable[[int, str], None]) -> int:
    with closing(OpenFolder(folder)) as here:
        for name in names:
            try:
                here.enter(name)
            except FileNotFoundError:
                # Another thread may be making it too.
                with suppress(FileExistsError):
                    make(here.folder, name)
                here.enter(name)
        return os.dup(here.folder)


def remove_tree(path: Path | str, *, dir_fd: int | None = None) -> None:
    """Remove what is at ``path``, a file, a link, or a folder with all that is in it.

    What another process removes meanwhile is passed over. Where something cannot be removed, the rest is
    removed all the same. The path itself is the caller's, and short; what is below it may be of any length.

    Args:
        path: What is removed.
        dir_fd: The open folder that ``path`` is relative to.

    Raises:
        FileNotFoundError: There is nothing at ``path``.
        OSError: Something cannot be removed; this is the first reason.
    """
    try:
        folder = os.open(path, LIST_FOLDER, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
        os.unlink(path, dir_fd=dir_fd)
        return
    try:
        empty_folder(folder)
    finally:
        os.close(folder)
    os.rmdir(path, dir_fd=dir_fd)


def empty_folder(folder: int) -> None:
    """Remove all that is in an open folder, as ``remove_tree`` does. Raises ``OSError``."""
    failures: list[OSError] = []
    with closing(OpenFolder(folder)) as here:
        way = [_Level("", _without_files(here.folder, failures))]
        while True:
            if way[-1].folders:
                name = way[-1].folders.pop()
                with _kept(failures):
                    here.enter(name)
                    way.append(_Level(name, []))
                    way[-1].folders.extend(_without_files(here.folder, failures))
                continue
            left = way.pop()
            if not way:
                break
            here.leave()
            with _kept(failures):
                os.rmdir(left.name, dir_fd=here.folder)
    if failures:
        raise failures[0]


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder, in which there are only files and folders, to the new folder ``target``.

    Raises the first ``OSError`` as it is: its number says which disk is at fault, and how.
    """
    target.mkdir()
    with ExitStack() as opened:
        tops = (os.open(folder, LIST_FOLDER) for folder in (source, target))
        here, there = (opened.enter_context(closing(_opened_once(top))) for top in tops)
        way = [_Level("", _copied_files(here.folder, there.folder))]
        while way:
            if way[-1].folders:
                name = way[-1].folders.pop()
                os.mkdir(name, dir_fd=there.folder)
                here.enter(name)
                there.enter(name)
                way.append(_Level(name, _copied_files(here.folder, there.folder)))
                continue
            way.pop()
            if way:
                here.leave()
                there.leave()


@dataclass(frozen=True, slots=True)
class _Level:
    """A folder on the way down, and the names of the folders in it whose turn is still to come."""

    name: str
    folders: list[str]


class OpenFolder:
    """A folder of a tree, from which one can go on. Only this one is open: depth costs no descriptors."""

    def __init__(self, folder: int) -> None:
        """Begin at an open folder, which stays the caller's to close."""
        self.folder = os.dup(folder)
        self._above: list[tuple[int, int]] = []

    def enter(self, name: str) -> None:
        """Go down into a folder; a link is none. Raises ``OSError``."""
        here = _identity(self.folder)
        self._go(os.open(name, LIST_FOLDER, dir_fd=self.folder))
        self._above.append(here)

    def leave(self) -> None:
        """Go up again. Raises ``OSError``, also where the folder was moved elsewhere meanwhile."""
        self._go(os.open("..", LIST_FOLDER, dir_fd=self.folder))
        if _identity(self.folder) != self._above.pop():
            raise OSError(errno.ESTALE, "a folder was moved meanwhile")

    def close(self) -> None:
        """Close the folder."""
        os.close(self.folder)

    def _go(self, folder: int) -> None:
        os.close(self.folder)
        self.folder = folder


def _identity(folder: int) -> tuple[int, int]:
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


def _opened_once(folder: int) -> OpenFolder:
    """Begin at an open folder, which is closed with what is returned."""
    try:
        return OpenFolder(folder)
    finally:
        os.close(folder)


def _listed(folder: int) -> tuple[list[str], list[str]]:
    """Return the names of the folders in an open folder, and those of everything else."""
    names: tuple[list[str], list[str]] = ([], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            names[0 if entry.is_dir(follow_symlinks=False) else 1].append(entry.name)
    return names


def _without_files(folder: int, failures: list[OSError]) -> list[str]:
    """Unlink everything in an open folder but its folders, and return their names."""
    # Listed first: what a listing shows of a folder that shrinks meanwhile differs between file systems.
    folders, others = _listed(folder)
    for name in others:
        with _kept(failures):
            os.unlink(name, dir_fd=folder)
    return folders


def _stream(descriptor: int, mode: str) -> IO[bytes]:
    """Return a stream that owns the descriptor, which is closed where there can be none, as of a folder."""
    try:
        return os.fdopen(descriptor, mode)
    except OSError:
        os.close(descriptor)
        raise


def _copied_files(source: int, target: int) -> list[str]:
    """Copy the files in an open folder, and return the names of the folders in it."""
    folders, files = _listed(source)
    for name in files:
        with (
            _stream(os.open(name, READ_FILE, dir_fd=source), "rb") as content,
            _stream(os.open(name, _CREATE, 0o666, dir_fd=target), "wb") as sink,
        ):
            shutil.copyfileobj(content, sink)
    return folders


@contextmanager
def _kept(failures: list[OSError]) -> Iterator[None]:
    """Keep the first error instead of raising it; what is gone already is none."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        failures.append(error)
