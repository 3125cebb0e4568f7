"""Confirming many small files of a folder store at once."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from preservation.errors import DeniedError
from preservation.fixity.digesting import digest_bytes
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from preservation.pool import in_portions
from storage.ports.confirmers import Expected
from storage.ports.stores import require_sound
from storage.stores.folder.direct import MOST_BYTES, MOST_FILES, DirectReader, room_for
from storage.stores.folder.root import OPEN_ROOT
from storage.stores.folder.tree import open_below

_PASS_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_DIRECT

_LARGEST = 1 << 20
"""What is larger takes the disk so long that nothing is gained by asking for several."""

_ENOUGH = MOST_BYTES - room_for(_LARGEST)

_NOT_OFFERED = {errno.ENOSYS, errno.EPERM, errno.EAGAIN, errno.EINVAL}
"""The kernel or a container has no such reading, too many use it already, or the file system has none."""


class FolderConfirmer:
    """The ``Confirmer`` of the folder store at ``root``."""

    def __init__(self, name: StoreName, root: Path) -> None:
        self.name = name
        self._root = root.absolute()
        self._idle: list[DirectReader] = []
        self._is_offered = True

    def __reduce__(self) -> tuple[type, tuple[StoreName, Path]]:
        # What it reads with is of this process alone.
        return FolderConfirmer, (self.name, self._root)

    def confirmed(self, files: Sequence[Expected]) -> list[int | None]:
        """Read the files, and confirm those that are as promised: see ``Confirmer``."""
        found: list[int | None] = [None] * len(files)
        small = (number for number, one in enumerate(files) if one.size <= _LARGEST and one.digests)
        try:
            for numbers in in_portions(small, lambda at: _room(files[at]), most=MOST_FILES, enough=_ENOUGH):
                if self._is_offered:
                    sizes = self._read([files[number] for number in numbers])
                    for at, size in sizes:
                        found[numbers[at]] = size
        except OSError as error:
            # What is left is read one by one, and what is wrong is said there.
            self._is_offered = error.errno not in _NOT_OFFERED
        return found

    def _read(self, files: Sequence[Expected]) -> Iterator[tuple[int, int]]:
        """Yield the number and the size of each file that has all digests.

        Raises ``OSError`` where none can be read so.
        """
        with self._reader() as reader, _opened(self.name, self._root, files) as opened:
            contents = reader.read([(descriptor, _room(files[at])) for at, descriptor in opened])
            for (at, _), content in zip(opened, contents, strict=True):
                digests = files[at].digests
                if content is not None and digest_bytes(content, tuple(digests)) == digests:
                    yield at, len(content)

    @contextmanager
    def _reader(self) -> Iterator[DirectReader]:
        """Give a reader that no other thread has. It is kept: to end one and make the next takes longest."""
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = DirectReader()
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._idle.append(reader)


@contextmanager
def _opened(store: StoreName, top: Path, files: Sequence[Expected]) -> Iterator[list[tuple[int, int]]]:
    """Open those that are plain files, and to which no link leads: the number of each, and its descriptor.

    Raises ``OSError``, ``EINVAL`` where the file system knows no reading past the cache.
    """
    opened: list[tuple[int, int]] = []
    with ExitStack() as folders:
        root = folder = _held(folders, os.open(top, OPEN_ROOT))
        at = ""
        try:
            for number, one in enumerate(files):
                above, _, name = one.key.rpartition("/")
                try:
                    if above != at:
                        require_sound(store, StoreKey(above))
                        folder, at = _held(folders, open_below(root, (above,), _PASS_FOLDER)), above
                    descriptor = os.open(name, _OPEN_FILE, dir_fd=folder)
                except DeniedError:
                    continue
                except OSError as error:
                    # The answer, too, of what is no file.
                    if error.errno == errno.EINVAL and _is_file(folder, name):
                        raise
                    continue
                opened.append((number, descriptor))
                # Some file systems answer from the page cache all the same.
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            yield [(number, file) for number, file in opened if _is_file(file)]
        finally:
            for _, descriptor in opened:
                os.close(descriptor)


def _is_file(descriptor: int, name: str = "") -> bool:
    """Return whether the open entry is a plain file; with ``name``, what is called so in the open folder."""
    if not name:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    with suppress(OSError):
        return stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
    return False


def _held(folders: ExitStack, descriptor: int) -> int:
    folders.callback(os.close, descriptor)
    return descriptor


def _room(one: Expected) -> int:
    return room_for(one.size)
