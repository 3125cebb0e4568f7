"""The root of a folder store: made once, on purpose, and known again by the incoming area in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import UnavailableError
from preservation.model.identifiers import StoreName
from storage.stores.folder.faults import translating
from storage.stores.folder.staging import INCOMING

OPEN_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_folder_store(name: StoreName, root: Path) -> None:
    """Make ``root`` a store, with the folders that lead to it. A store that is there stays as it is.

    Raises ``StorageError``.
    """
    with translating(name, "make a store in", os.fspath(root)):
        (root / INCOMING).mkdir(parents=True, exist_ok=True)


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
                    f"store {name}: {root} is no store, for there is no {INCOMING} in it; mount its disk, "
                    f"or, where the store is new, make it one with: mkdir '{root / INCOMING}'"
                ) from error
        yield descriptor
    finally:
        os.close(descriptor)
