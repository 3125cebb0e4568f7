"""The root of a folder store: made once, on purpose, and known again by the incoming area in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from preservation.errors import UnavailableError
from preservation.model.identifiers import StoreName
from storage.stores.folder.faults import translating
from storage.stores.folder.modes import Readers
from storage.stores.folder.staging import INCOMING

OPEN_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_folder_store(name: StoreName, root: Path, readers: Readers = Readers.GROUP) -> None:
    """Make ``root`` a store that ``readers`` may read, with its parent folders; one that is there stays.

    Raises ``StorageError``.
    """
    with translating(name, "make a store in", os.fspath(root)):
        root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (root, root / INCOMING):
            with suppress(FileExistsError):
                folder.mkdir()
                # mkdir obeys the umask of this process; who may read a store is set for the store.
                folder.chmod(readers.modes.folder)


@contextmanager
def opened_store(name: StoreName, root: Path) -> Iterator[int]:
    """Open the root folder of a store.

    Raises ``UnavailableError`` where it is not there or is not a store: an empty mount point must not
    be taken for a store that has lost everything, nor be written to.
    """
    with translating(name, "look into", os.fspath(root)):
        try:
            descriptor = os.open(root, OPEN_ROOT)
        except FileNotFoundError as error:
            raise UnavailableError(
                f"store {name}: there is no folder {root}; mount its disk, then run it again"
            ) from error
    try:
        with translating(name, "look into", os.fspath(root)):
            try:
                os.stat(INCOMING, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError as error:
                raise UnavailableError(
                    f"store {name}: {root} is not initialised as a store (no {INCOMING} folder); "
                    f"mount its disk, or, if the store is new, initialise it with: mkdir '{root / INCOMING}'"
                ) from error
        yield descriptor
    finally:
        os.close(descriptor)
