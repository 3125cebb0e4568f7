"""The place of one file in a folder store, opened so that the file can be changed."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import StoreKey
from storage.ports.stores import require_sound
from storage.stores.folder.faults import translating
from storage.stores.folder.modes import Readers
from storage.stores.folder.root import opened_store
from storage.stores.folder.tree import opened_folder


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file is, or would be: the open root of its store, its open folder there, and its name in it."""

    root: int
    folder: int
    name: str

    def unlink(self) -> None:
        """Let the file be gone. Raises ``FileNotFoundError`` where it is not there."""
        os.unlink(self.name, dir_fd=self.folder)


class FolderFiles:
    """Single files of the folder store at ``root``; ``readers`` may read what is put there."""

    def __init__(
        self, name: StoreName, root: Path, identity: StoreIdentity | None, readers: Readers = Readers.GROUP
    ) -> None:
        self.name = name
        self._identity = identity
        self._modes = readers.modes
        self._root = root.absolute()

    @contextmanager
    def _made(self, key: StoreKey, act: str) -> Iterator[FilePlace]:
        """Open the place of ``key`` in order to ``act``; folders that are missing are made.

        Raises ``DeniedError`` where the key is the store's own, ``UnavailableError`` where the place is not
        the store, and what the system says within as a ``StorageError``.
        """
        above, name = self._parted(key)
        with (
            self._opened_root(key, act) as root,
            opened_folder(root, above, make=self._modes.folder) as folder,
        ):
            yield FilePlace(root, folder, name)

    @contextmanager
    def _opened(self, key: StoreKey, act: str) -> Iterator[FilePlace | None]:
        """Open the place of ``key``; ``None`` where its folder is not there. Raises as ``_made``."""
        above, name = self._parted(key)
        with self._opened_root(key, act) as root, ExitStack() as opened:
            try:
                folder = opened.enter_context(opened_folder(root, above))
            except FileNotFoundError:
                yield None
                return
            yield FilePlace(root, folder, name)

    @contextmanager
    def _opened_root(self, key: StoreKey, act: str) -> Iterator[int]:
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, act, key),
        ):
            yield root

    def _parted(self, key: StoreKey) -> tuple[tuple[str, ...], str]:
        require_sound(self.name, key)
        *above, name = key.split("/")
        return tuple(above), name
