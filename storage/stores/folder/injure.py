"""Damaging files of a folder store, for a rehearsal."""

import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import StoreKey
from storage.ports.stores import require_sound
from storage.stores.folder.faults import translating
from storage.stores.folder.modes import Readers
from storage.stores.folder.root import opened_store
from storage.stores.folder.tree import opened_folder


class FolderInjurer:
    """The ``Injurer`` of the folder store at ``root``; ``readers`` may read what it writes."""

    def __init__(
        self, name: StoreName, root: Path, identity: StoreIdentity | None, readers: Readers = Readers.GROUP
    ) -> None:
        self.name = name
        self._identity = identity
        self._modes = readers.modes
        self._root = root.absolute()

    def write(self, key: StoreKey, content: bytes) -> None:
        """Let the file have this content: see ``Injurer``."""
        require_sound(self.name, key)
        *above, last = key.split("/")
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, "damage", key),
            opened_folder(root, tuple(above), make=self._modes.folder) as folder,
        ):

            def opener(name: str, flags: int) -> int:
                return os.open(name, flags, self._modes.file, dir_fd=folder)

            with suppress(FileNotFoundError):
                os.unlink(last, dir_fd=folder)
            with FileIO(last, "x", opener=opener) as file:
                file.write(content)
                os.fsync(file)

    def remove(self, key: StoreKey) -> None:
        """Let the file be gone: see ``Injurer``."""
        require_sound(self.name, key)
        *above, last = key.split("/")
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, "damage", key),
            suppress(FileNotFoundError),
            opened_folder(root, tuple(above)) as folder,
        ):
            os.unlink(last, dir_fd=folder)
