"""Making a folder a store: once, and never by a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from preservation.files.durable import create_durably
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import StoreKey
from storage.ports.stores import has_identity
from storage.stores.folder.faults import translated, translating
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.modes import Readers
from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.root import IDENTITY, OPEN_ROOT, identity_in
from storage.stores.folder.staging import INCOMING, working_area
from storage.stores.folder.tree import opened_folder, walk_files


class FolderMaker:
    """The ``StoreMaker`` of the folder ``root``, which ``readers`` may read."""

    def __init__(self, name: StoreName, root: Path, readers: Readers = Readers.GROUP) -> None:
        self.name = name
        self._modes = readers.modes
        self._root = root.absolute()

    def identity(self) -> StoreIdentity | None:
        """Return the identity that lies there: see ``StoreMaker``."""
        with suppress(FileNotFoundError), self._opened() as root:
            return identity_in(root)
        return None

    def keys(self, prefix: StoreKey | None) -> Iterator[StoreKey]:
        """Yield the key of every file: see ``StoreMaker``."""
        top = () if prefix is None else tuple(prefix.split("/"))
        with suppress(FileNotFoundError), self._opened() as root:
            for path, _ in walk_files(root, top):
                yield StoreKey(path)

    def make(self, identity: StoreIdentity) -> None:
        """Make the folder, with its parents, and give it the identity: see ``StoreMaker``."""
        with translating(self.name, "make a store in", os.fspath(self._root)):
            self._root.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self._root, self._root / INCOMING):
                with suppress(FileExistsError):
                    folder.mkdir()
                    # mkdir obeys the umask of this process; who may read a store is set for the store.
                    folder.chmod(self._modes.folder)
        with self._opened() as root:
            try:
                with opened_folder(root, (INCOMING,)) as incoming, working_area(incoming) as area:
                    _place(identity, area, incoming, root, self._modes.file)
            except FileExistsError as error:
                raise has_identity(self.name, os.fspath(self._root / IDENTITY)) from error
            sync_file_system(root)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the folder. Raises ``FileNotFoundError`` where there is none."""
        try:
            root = os.open(self._root, OPEN_ROOT)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise translated(error, self.name, "look into", os.fspath(self._root)) from error
        try:
            with translating(self.name, "make a store in", os.fspath(self._root)):
                yield root
        finally:
            os.close(root)


def _place(identity: StoreIdentity, area: int, incoming: int, root: int, mode: int) -> None:
    """Write the identity and give it its name in one step."""
    create_durably(Path(f"/proc/self/fd/{area}") / IDENTITY, f"{identity}\n".encode("ascii"), mode)
    move_without_replacing(area, IDENTITY, root, IDENTITY, guard=incoming)
