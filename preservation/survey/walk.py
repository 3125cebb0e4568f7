"""What lies below a root, in the one order that every stage keeps, without reading any file."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from preservation.files.beneath import LIST_FOLDER, folder_of, opened
from preservation.model.digests import HexDigest
from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.paths import (
    MOST_PATH_BYTES,
    RelativePath,
    is_too_long,
    is_utf8,
    path_order,
    printable,
    quoted,
)

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A plain file with a name that can be kept. ``modified`` is in nanoseconds since 1970 (UTC)."""

    path: RelativePath
    size: int
    modified: int


def walk(root: Path, only: RelativePath | None = None) -> Iterator[FoundFile | IrregularEntry]:
    """Give every entry below ``root``, or the one called ``only``, in ``path_order`` of the paths.

    Symbolic links are given, never followed. A folder is given only where it is empty, cannot be
    listed, or has a name that is not UTF-8 or a path longer than ``MOST_PATH_BYTES``; it is not entered
    then. Memory holds the names of the folders on the way down, whatever the number of files. Raises
    ``OSError`` where ``root`` itself cannot be listed.
    """
    for found in _paths(root) if only is None else [only]:
        yield found if isinstance(found, IrregularEntry) else _entry(root, found)


def files_where(root: Path, wanted: Callable[[RelativePath], bool]) -> Iterator[FoundFile]:
    """Give, in the order of ``walk``, the plain files whose path is wanted; what is not is not looked at.

    Raises ``OSError`` like ``walk``.
    """
    for found in _paths(root):
        if not isinstance(found, IrregularEntry) and wanted(found):
            entry = _entry(root, found)
            if isinstance(entry, FoundFile):
                yield entry


def _paths(root: Path) -> Iterator[RelativePath | IrregularEntry]:
    """Give the path of everything that is not entered, and the folders that could not be after all."""
    pending = [_Listing("", _names(root, ""))]
    while pending:
        listing = pending[-1]
        if not listing.names:
            pending.pop()
            continue
        name = listing.names.pop()
        path = RelativePath(f"{listing.folder}{name.text}")
        if is_too_long(path):
            yield _too_long(path, "a folder, not looked into" if name.entered else "an entry")
            continue
        if not name.entered:
            yield path
            continue
        try:
            pending.append(_Listing(f"{path}/", _names(root, path)))
        except OSError as error:
            yield _unreadable_folder(path, error)


@dataclass(frozen=True, slots=True)
class TreeOutline:
    """A tree without what is in its files: how many there are, their bytes in all, and a signature.

    The signature is a SHA-256 of every path with its size and modification time. It changes when a file
    comes, goes, grows or is written again. Inode numbers are left out: network shares hand out new ones
    whenever they are mounted.
    """

    signature: HexDigest
    files: int
    bytes: int


def outline_of_tree(root: Path, only: RelativePath | None = None, *, called: str = "") -> TreeOutline:
    """Go through a tree, reading no file. Raises ``OSError`` like ``walk``.

    ``called`` is the name under which the one file ``only`` counts, where that is another than its own.
    """
    signature = hashlib.sha256()
    files = total = 0
    for entry in walk(root, only):
        match entry:
            case FoundFile(path, size, modified):
                fields = f"{called or path}\0{size}\0{modified}\0"
                files += 1
                total += size
            case IrregularEntry(path=path, kind=kind):
                fields = f"{path}\0{kind.value}\0"
        signature.update(fields.encode())
    return TreeOutline(HexDigest(signature.hexdigest()), files, total)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in a folder. ``entered`` is true of a folder that can be listed and is not empty."""

    text: str
    entered: bool

    @property
    def order(self) -> bytes:
        """Sort key that puts a folder where the paths of what it holds belong."""
        recorded = _recorded(RelativePath(self.text))
        return path_order(f"{recorded}/" if self.entered else recorded)


@dataclass(frozen=True, slots=True)
class _Listing:
    """A folder's path with its closing slash, and its names that are still to come, the next one last."""

    folder: str
    names: list[_Name]


def _names(root: Path, folder: str) -> list[_Name]:
    with _scanned(root, folder) as entries:
        names = [
            _Name(
                entry.name,
                entered=entry.is_dir(follow_symlinks=False) and _is_entered(root, folder, entry.name),
            )
            for entry in entries
        ]
    names.sort(key=lambda name: name.order, reverse=True)
    return names


def _is_entered(root: Path, folder: str, name: str) -> bool:
    if not is_utf8(name):
        return False
    try:
        return not _is_empty(root, f"{folder}/{name}" if folder else name)
    except OSError:
        return False


def _is_empty(root: Path, folder: str) -> bool:
    with _scanned(root, folder) as entries:
        return next(entries, None) is None


@contextmanager
def _scanned(root: Path, folder: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    with (
        opened(f"{root}/{folder}" if folder else f"{root}", LIST_FOLDER) as descriptor,
        os.scandir(descriptor) as entries,
    ):
        yield entries


def _entry(root: Path, path: RelativePath) -> FoundFile | IrregularEntry:
    try:
        with folder_of(root, path) as (folder, name):
            found = os.lstat(name, dir_fd=folder)
            target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else ""
    except OSError as error:
        return IrregularEntry(_recorded(path), EntryKind.UNREADABLE, error.strerror or str(error))
    if not is_utf8(path):
        return _unnameable(path, found)
    if stat.S_ISREG(found.st_mode):
        return FoundFile(path, found.st_size, found.st_mtime_ns)
    if stat.S_ISLNK(found.st_mode):
        return IrregularEntry(path, EntryKind.SYMLINK, f"it points to {quoted(target)}")
    if stat.S_ISDIR(found.st_mode):
        return _folder(root, path)
    return IrregularEntry(path, EntryKind.DEVICE, _SPECIAL.get(stat.S_IFMT(found.st_mode), "special file"))


def _folder(root: Path, path: RelativePath) -> IrregularEntry:
    try:
        if _is_empty(root, path):
            return IrregularEntry(path, EntryKind.EMPTY_FOLDER, "a folder with nothing in it")
    except OSError as error:
        return _unreadable_folder(path, error)
    return IrregularEntry(path, EntryKind.CHANGED, "a folder that was filled while it was looked at")


def _too_long(path: RelativePath, what: str) -> IrregularEntry:
    length = len(os.fsencode(path))
    detail = (
        f"{what}; its path has {length:,} bytes, and at most {MOST_PATH_BYTES:,} can be kept and restored"
    )
    return IrregularEntry(_recorded(path), EntryKind.TOO_LONG, detail)


def _unreadable_folder(path: RelativePath, error: OSError) -> IrregularEntry:
    return IrregularEntry(path, EntryKind.UNREADABLE, f"a folder that cannot be listed: {error.strerror}")


def _unnameable(path: RelativePath, found: os.stat_result) -> IrregularEntry:
    what = "a folder, not looked into" if stat.S_ISDIR(found.st_mode) else "a file"
    detail = f"{what}; rename it: names in a package are UTF-8"
    return IrregularEntry(_recorded(path), EntryKind.UNNAMEABLE, detail)


def _recorded(path: RelativePath) -> RelativePath:
    """Return the path as records hold it. Only the last name of it can be other than UTF-8."""
    folder, slash, name = path.rpartition("/")
    return path if is_utf8(name) else RelativePath(f"{folder}{slash}{printable(name)}")
