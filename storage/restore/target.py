"""Where restored files land: in a folder out of the way, and in the target when all is well."""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from preservation.errors import AlreadyExistsError, PreservationError, StorageError
from preservation.files.durable import opened_folder
from preservation.files.lock import lock
from preservation.fixity.checking import Confirmed, FixityVerdict, check_stream
from preservation.fixity.digesting import ByteStream
from preservation.model.digests import Digests
from preservation.model.paths import RelativePath, printable
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.move import move_without_replacing

_UNFINISHED = re.compile(r"\.restoring-[0-9a-f]{32}")
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Target:
    """A folder out of the way that becomes ``path``, or whose files move into it. Replaces nothing."""

    folder: Path
    path: Path

    def receive(
        self, place: RelativePath, stream: ByteStream, promised: Digests, buffer: bytearray
    ) -> FixityVerdict:
        """Write ``stream`` to ``place``; what is not as ``promised`` is removed. Raises ``StorageError``."""
        path = f"{self.folder}/{place}"
        descriptor = _created(path)
        try:
            verdict = check_stream(_WritingStream(stream, path, descriptor), promised, buffer=buffer)
        finally:
            os.close(descriptor)
        if not isinstance(verdict, Confirmed):
            Path(path).unlink()
        return verdict

    def arrive(self, places: Iterable[RelativePath]) -> Path:
        """Make everything durable and give it its place in the target; return the target.

        Raises ``AlreadyExistsError`` where something is in its way there now.
        """
        self._sync()
        if self.folder.parent == self.path:
            for place in places:
                self._move_in(place)
        else:
            # A file in the way, or a folder that is not empty, refuses.
            with _writing(self.path):
                self.folder.rename(self.path)
        return self.path

    def set_aside(self) -> Path:
        """Give the files that came a name that ends with ``.incomplete``, and return it."""
        self._sync()
        aside = incomplete(self.path)
        with _writing(aside):
            # A target that was there may be the root of another file system.
            shutil.move(self.folder, aside)
        return aside

    def _move_in(self, place: RelativePath) -> None:
        source, goal = self.folder / place, self.path / place
        with _writing(goal):
            goal.parent.mkdir(parents=True, exist_ok=True)
            with opened_folder(source.parent) as here, opened_folder(goal.parent) as there:
                move_without_replacing(here, source.name, there, goal.name, guard=there)

    def _sync(self) -> None:
        with _writing(self.folder), opened_folder(self.folder) as folder:
            sync_file_system(folder)


def incomplete(target: Path) -> Path:
    """Return where files go that are not all that was wanted."""
    return target.with_name(f"{target.name}.incomplete")


def require_free(target: Path, places: Iterable[RelativePath]) -> None:
    """Raise ``AlreadyExistsError`` where anything that would be restored is in the target already."""
    aside = incomplete(target)
    if os.path.lexists(aside):
        raise _taken(aside)
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise _taken(target)
    for place in places:
        if os.path.lexists(target / place):
            raise _taken(target / place)


@contextmanager
def opened_target(path: Path) -> Iterator[Target]:
    """Give a folder to restore into; what is still in it when the context ends is removed.

    It is in ``path`` where that is a folder already, else beside it: on the same file system, so that
    files get their names at once. What restores that were killed left there is removed first. Raises
    ``StorageError`` where there can be none.
    """
    place = path if path.is_dir() else path.parent
    name = f".restoring-{uuid4().hex}"
    with _writing(place):
        place.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place)
        folder = place / name
        unlocked = place / f"{name}.new"
        unlocked.mkdir()
    with opened_folder(unlocked) as held:
        # Where there are no locks, no other restore can take it for a leftover either.
        with suppress(OSError):
            lock(held, wait=False)
        try:
            # Only what is locked has the name by which leftovers are known.
            with _writing(folder):
                unlocked.rename(folder)
            yield Target(folder, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear_leftovers(place: Path) -> None:
    """Remove what restores that were killed left in ``place``: what no process has locked any more."""
    for found in list(place.iterdir()):
        if not _UNFINISHED.fullmatch(found.name) or found.is_symlink():
            continue
        # Another restore may be clearing the same one; what cannot be locked is in use.
        with suppress(OSError), opened_folder(found) as held:
            if lock(held, wait=False):
                shutil.rmtree(found)


def _created(path: str) -> int:
    """Create a file, and the folders on its way only where they are missing: most are not."""
    with _writing(path):
        try:
            return os.open(path, _CREATE, 0o644)
        except FileNotFoundError:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, _CREATE, 0o644)


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
        raise StorageError(
            f"{printable(str(path))} cannot be written: {error.strerror or error}; see that its folder "
            "is ours and has room, then restore again"
        ) from error


def _taken(path: Path | str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"{printable(str(path))} is there already, and a restore replaces nothing; name another target"
    )
