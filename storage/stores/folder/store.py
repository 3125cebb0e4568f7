"""A store in a folder of a mounted file system. Plain files under plain names: readable without us."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from io import FileIO
from pathlib import Path

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.name_rules import NameRules
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Deposit, KeptFile, StorePlace, require_sound
from storage.stores.folder.deposit import Depositor
from storage.stores.folder.faults import translated, translating
from storage.stores.folder.modes import Readers
from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.root import OPEN_ROOT, opened_store
from storage.stores.folder.staging import INCOMING, clear_leftovers, working_area
from storage.stores.folder.tree import open_below, opened_folder, scanned, walk_files

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_LARGE_BYTES = 1 << 20
"""From that size on, asking the system to read ahead further gains more than the call costs."""

_PROBE = b"Muniment was here to see whether this store works.\n"


class FolderStore:
    """Keeps each key as a file of that path below ``root``, which ``FolderMaker`` has made a store.

    ``threads`` copy at a time; ``readers`` may read what is created. Nothing is
    opened or looked at before the first call.
    """

    portable = True

    def __init__(
        self,
        name: StoreName,
        root: Path,
        place: StorePlace,
        identity: StoreIdentity | None,
        *,
        name_rules: NameRules | None = None,
        threads: int = 2,
        readers: Readers = Readers.GROUP,
    ) -> None:
        self.name = name
        self.place = place
        self.name_rules = name_rules or NameRules()
        self._root = root.absolute()
        self._identity = identity
        self._threads = threads
        self._modes = readers.modes

    def create(self, deposits: Iterable[Deposit]) -> None:
        """Create every file of ``deposits``: see ``Store``."""
        with self._opened(to_write=True) as root, self._area(root) as (incoming, area):
            workers = ThreadPoolExecutor(self._threads, "folder-store")
            try:
                Depositor(self.name, root, incoming, area, workers, self._modes).deposit(deposits)
            finally:
                # No thread may outlive the area in which it writes.
                workers.shutdown(cancel_futures=True)

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        """Open the file for one reading from the disk: see ``Store``."""
        descriptor, size = self._opened_file(key)
        try:
            # Read from the disk what is on the disk: the page cache only knows what was meant to be there.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            # Where files are opened before the first of them is read, the disk fetches them meanwhile.
            advice = os.POSIX_FADV_WILLNEED if size < _LARGE_BYTES else os.POSIX_FADV_SEQUENTIAL
            os.posix_fadvise(descriptor, 0, 0, advice)
            return FileIO(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise translated(error, self.name, "open", key) from error

    def stat(self, key: StoreKey) -> KeptFile:
        """Return the file's size: see ``Store``."""
        descriptor, size = self._opened_file(key)
        os.close(descriptor)
        return KeptFile(key, size)

    def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
        """Yield every file below ``prefix``: see ``Store``. Whatever is not a folder counts as a file."""
        if prefix is not None:
            require_sound(self.name, prefix)
        top = () if prefix is None else tuple(prefix.split("/"))
        with (
            self._opened() as root,
            translating(self.name, "list", prefix or "its files"),
        ):
            for path, size in walk_files(root, top):
                yield KeptFile(StoreKey(path), size)

    def location(self, prefix: StoreKey) -> str:
        """Return the absolute path."""
        return os.fspath(self._root / prefix)

    def check(self) -> None:
        """Look whether the folder holds the store's identity: see ``Store``."""
        with self._opened(to_write=True):
            pass

    def probe(self) -> str:
        """Create, read back, list and refuse to replace a file in the incoming area: see ``Store``."""
        with (
            self._opened(to_write=True) as root,
            self._area(root) as (incoming, area),
            translating(self.name, "try out", os.fspath(self._root)),
        ):
            _probe_area(area, guard=incoming)
        return os.fspath(self._root)

    def _opened(self, *, to_write: bool = False) -> AbstractContextManager[int]:
        return opened_store(self.name, self._root, self._identity, to_write=to_write)

    @contextmanager
    def _area(self, root: int) -> Iterator[tuple[int, int]]:
        """Open the incoming folder and an area of our own in it."""
        with ExitStack() as opened:
            with translating(self.name, "write to", os.fspath(self._root)):
                incoming = opened.enter_context(opened_folder(root, (INCOMING,)))
                clear_leftovers(incoming)
                area = opened.enter_context(working_area(incoming))
            yield incoming, area

    def _opened_file(self, key: StoreKey) -> tuple[int, int]:
        """Return a descriptor of the plain file under ``key``, and its size."""
        # Called once for every file that is read: without context managers it takes half the time.
        require_sound(self.name, key)
        try:
            root = os.open(self._root, OPEN_ROOT)
            try:
                descriptor = open_below(root, tuple(key.split("/")), _OPEN_FILE)
            finally:
                os.close(root)
        except FileNotFoundError:
            raise self._absent(key) from None
        except OSError as error:
            raise translated(error, self.name, "open", key) from error
        try:
            status = os.fstat(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise translated(error, self.name, "open", key) from error
        if stat.S_ISREG(status.st_mode):
            return descriptor, status.st_size
        os.close(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise self._absent(key)
        raise IntegrityError(
            f"store {self.name}: {printable(key)} is no longer a plain file; "
            "the store was changed by hand: compare it with another replica"
        )

    def _absent(self, key: StoreKey) -> NotFoundError:
        """Return the error for a key that is not there, once it is known that the store itself is."""
        with self._opened():
            return NotFoundError(
                f"store {self.name}: nothing is kept under {printable(key)}; look in another store for it"
            )


def _probe_area(area: int, *, guard: int) -> None:
    """Create, move, read back and list a file, and see that it cannot be replaced. Raises ``OSError``."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o444, dir_fd=area)

    for name in ("first", "second"):
        with FileIO(name, "x", opener=opener) as file:
            file.write(_PROBE)
            os.fsync(file)
    move_without_replacing(area, "first", area, "kept", guard=guard)
    try:
        move_without_replacing(area, "second", area, "kept", guard=guard)
    except FileExistsError:
        pass
    else:
        raise OSError(errno.ENOTSUP, "the file system replaced a file that was to be kept")
    with FileIO("kept", opener=opener) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if file.read() != _PROBE or all(entry.name != "kept" for entry in scanned(area)):
            raise OSError(errno.EIO, "what was written did not come back")
