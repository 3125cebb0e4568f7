"""Where restored files land: in a folder out of the way, and in the target when all is well."""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from uuid import uuid4

from preservation.errors import AlreadyExistsError, PreservationError, StorageError
from preservation.files.lock import lock
from preservation.files.tree import copy_tree, empty_folder, make_folder, make_folders, opened_below
from preservation.fixity.checking import Confirmed, FixityVerdict, check_stream
from preservation.fixity.digesting import ByteStream
from preservation.model.digests import Digests
from preservation.model.paths import RelativePath, printable
from storage.restore.arrival import is_whole, move_in, record_whole
from storage.restore.outcomes import WantedFile
from storage.stores.folder.linux import sync_file_system

_UNFINISHED = re.compile(r"\.restoring-[0-9a-f]{32}")
_FILES = "files"
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_COARSEST = 2 * 10**9
"""File systems hold times to two seconds at least."""
_NO_FOLDER = {errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Target:
    """A folder out of the way that becomes ``path``, or whose files move into it. Replaces nothing.

    Other accounts may write to the folder that it is in, so everything is reached from the descriptors of
    open folders, and no link is followed: ``staging`` holds the folder ``files``; ``place`` is ``path`` where
    that is there already (``is_there``), and else the folder above it.
    """

    folder: Path
    path: Path
    place: int
    staging: int
    files: int
    is_there: bool

    def receive(
        self, place: RelativePath, stream: ByteStream, promised: Digests, buffer: bytearray
    ) -> FixityVerdict:
        """Write ``stream`` to ``place``; what is not as ``promised`` is removed. Raises ``StorageError``."""
        path = f"{self.folder}/{place}"
        *folders, name = place.split("/")
        with _writing(path), opened_below(self.files, folders, make=make_folder) as folder:
            descriptor = os.open(name, _CREATE, 0o644, dir_fd=folder)
            try:
                verdict = check_stream(_WritingStream(stream, path, descriptor), promised, buffer=buffer)
            finally:
                os.close(descriptor)
            if not isinstance(verdict, Confirmed):
                os.unlink(name, dir_fd=folder)
        return verdict

    def give_time(self, place: RelativePath, modified: int) -> bool:
        """Give a file that was received its time of last change; return whether the file system holds it."""
        *folders, name = place.split("/")
        try:
            with opened_below(self.files, folders) as folder:
                os.utime(name, ns=(modified, modified), dir_fd=folder, follow_symlinks=False)
                held = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns
        except (OSError, OverflowError):
            return False
        return abs(held - modified) < _COARSEST

    def arrive(self) -> Path:
        """Make everything durable and give it its place in the target; return the target.

        Raises ``AlreadyExistsError`` where something is in its way there now; the other files are there then.
        """
        with _writing(self.path):
            sync_file_system(self.files)
            if not self.is_there:
                # A file in the way, or a folder that is not empty, refuses.
                os.rename(_FILES, self.path.name, src_dir_fd=self.staging, dst_dir_fd=self.place)
                return self.path
            record_whole(self.staging)
            taken = move_in(self.files, self.place)
        if taken:
            raise _taken(self.path / taken[0])
        return self.path

    def set_aside(self) -> Path:
        """Give the files that came a name that ends with ``.incomplete``, and return it."""
        aside = incomplete(self.path)
        with _writing(aside):
            sync_file_system(self.files)
            try:
                os.rename(_FILES, aside, src_dir_fd=self.staging)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # A target that was there may be the root of another file system.
                copy_tree(self.folder, aside)
        return aside


@dataclass(slots=True)
class InTarget:
    """What a target has of the wanted files: ``missing`` are not there, ``files`` are, as they were kept."""

    missing: list[WantedFile]
    files: int = 0
    bytes: int = 0


def incomplete(target: Path) -> Path:
    """Return where files go that are not all that was wanted."""
    return target.with_name(f"{target.name}.incomplete")


def look_into(target: Path, wanted: Iterable[WantedFile]) -> InTarget:
    """Return which of the wanted files are in the target already, each read and found as it was kept.

    Raises ``AlreadyExistsError`` where anything else is in the way of one.
    """
    aside = incomplete(target)
    if os.path.lexists(aside):
        raise _taken(aside)
    found = InTarget([])
    try:
        folder = os.open(target, _FOLDER)
    except FileNotFoundError:
        return InTarget(list(wanted))
    except OSError as error:
        raise _taken(target) if error.errno in _NO_FOLDER else _unwritable(target, error) from error
    try:
        buffer = bytearray(1 << 20)
        for file in wanted:
            size = _size_as_kept(file, folder, target, buffer)
            if size is None:
                found.missing.append(file)
            else:
                found.files += 1
                found.bytes += size
    finally:
        os.close(folder)
    return found


def _size_as_kept(file: WantedFile, target: int, path: Path, buffer: bytearray) -> int | None:
    """Return the size of a file in the target that is as it was kept; ``None`` where nothing is there."""
    *folders, name = file.place.split("/")
    try:
        with opened_below(target, folders) as folder:
            descriptor = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _taken(path / file.place) from error
    with closing(_Descriptor(descriptor)):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            with FileIO(descriptor, closefd=False) as stream:
                verdict = check_stream(stream, file.digests, buffer=buffer)
            if isinstance(verdict, Confirmed):
                return verdict.size
    raise _taken(path / file.place)


@contextmanager
def opened_target(path: Path) -> Iterator[Target]:
    """Give a folder to restore into; what is still in it when the context ends is removed.

    It is in ``path`` where that is a folder already, else beside it: on the same file system, so that
    files get their names at once. What restores that were killed left there is finished or removed first.
    Raises ``StorageError`` where there can be none.
    """
    is_there = path.is_dir()
    beside = path if is_there else path.parent
    with _writing(beside):
        make_folders(beside)
        place = os.open(beside, _FOLDER)
    with closing(_Descriptor(place)):
        with _writing(beside):
            _finish_killed(place)
            if is_there:
                # A restore that made the target, and was killed at its very end, left its folder beside it.
                with suppress(OSError), closing(_Descriptor(os.open(path.parent, _FOLDER))) as above:
                    _finish_killed(above.number)
            name, staging = _staged(place)
        with closing(_Descriptor(staging)):
            try:
                with _writing(beside / name):
                    os.mkdir(_FILES, dir_fd=staging)
                    files = os.open(_FILES, _FOLDER, dir_fd=staging)
                with closing(_Descriptor(files)):
                    yield Target(beside / name / _FILES, path, place, staging, files, is_there)
            finally:
                _remove(name, staging, place)


@dataclass(frozen=True, slots=True)
class _Descriptor:
    number: int

    def close(self) -> None:
        os.close(self.number)


def _staged(place: int) -> tuple[str, int]:
    """Make a folder that no other restore takes for a leftover; return its name, and it, open."""
    while True:
        name = f".restoring-{uuid4().hex}"
        os.mkdir(name, 0o700, dir_fd=place)
        # Another restore may find it before it is locked, and remove it.
        with suppress(FileNotFoundError):
            staging = os.open(name, _FOLDER, dir_fd=place)
            with ExitStack() as unless_ours:
                unless_ours.callback(os.close, staging)
                if _is_locked(staging) and os.path.samestat(os.fstat(staging), os.stat(name, dir_fd=place)):
                    unless_ours.pop_all()
                    return name, staging


def _is_locked(folder: int) -> bool:
    """Lock a folder; return whether it is ours now. Without locks, no other restore can lock it either."""
    try:
        return lock(folder, wait=False)
    except OSError:
        return True


def _finish_killed(place: int) -> None:
    """Finish or remove what restores that were killed left: what no process has locked any more.

    Where all files had come, those that were not in the target yet are moved there. Only what is our own is
    touched: others may have made a folder of that name.
    """
    for name in filter(_UNFINISHED.fullmatch, os.listdir(place)):
        # Another restore may be finishing the same one; what cannot be locked is in use.
        with suppress(OSError):
            staging = os.open(name, _FOLDER, dir_fd=place)
            with closing(_Descriptor(staging)):
                if os.fstat(staging).st_uid == os.geteuid() and lock(staging, wait=False):
                    if is_whole(staging):
                        with opened_below(staging, (_FILES,)) as files:
                            move_in(files, place)
                    _remove(name, staging, place)


def _remove(name: str, staging: int, place: int) -> None:
    with suppress(OSError):
        empty_folder(staging)
        os.rmdir(name, dir_fd=place)


@dataclass(frozen=True, slots=True)
class _WritingStream:
    """A stream whose bytes are written to a file as they are read."""

    stream: ByteStream
    path: str
    descriptor: int

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        try:
            count = self.stream.readinto(buffer) or 0
        except PreservationError as error:
            raise OSError(errno.EIO, str(error)) from error
        chunk = memoryview(buffer)[:count]
        with _writing(self.path):
            while chunk:
                chunk = chunk[os.write(self.descriptor, chunk) :]
        return count


@contextmanager
def _writing(path: Path | str) -> Iterator[None]:
    """Turn an error of the system while ``path`` is written into one of ours."""
    try:
        yield
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path | str, error: OSError) -> StorageError:
    return StorageError(
        f"{printable(str(path))} cannot be written: {error.strerror or error}; see that its folder "
        "is ours and has room, then restore again"
    )


def _taken(path: Path | str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"{printable(str(path))} is there already, and a restore replaces nothing; name another target"
    )
