"""Damaging files of a folder store, for a rehearsal."""

import os
from contextlib import suppress
from io import FileIO

from preservation.model.paths import StoreKey
from storage.stores.folder.place import FolderFiles


class FolderInjurer(FolderFiles):
    """The ``Injurer`` of a folder store."""

    def write(self, key: StoreKey, content: bytes) -> None:
        """Let the file have this content: see ``Injurer``."""
        with self._made(key, "damage") as place:

            def opener(name: str, flags: int) -> int:
                return os.open(name, flags, self._modes.file, dir_fd=place.folder)

            with suppress(FileNotFoundError):
                place.unlink()
            with FileIO(place.name, "x", opener=opener) as file:
                file.write(content)
                os.fsync(file)

    def remove(self, key: StoreKey) -> None:
        """Let the file be gone: see ``Injurer``."""
        with self._opened(key, "damage") as place, suppress(FileNotFoundError):
            if place is not None:
                place.unlink()
