"""The root of a folder store: known again by the identity in it, read through the descriptor that is used."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import UnavailableError
from preservation.model.identifiers import StoreIdentity, StoreName, read_store_identity
from storage.ports.stores import require_identity
from storage.stores.folder.faults import translating
from storage.stores.folder.staging import INCOMING

OPEN_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


IDENTITY = ".identity"
"""The file in a store's root that holds its identity."""

_LONGEST_IDENTITY = 64


def identity_in(root: int) -> StoreIdentity | None:
    """Return the identity that lies in the open folder ``root``, ``None`` where there is none."""
    try:
        descriptor = os.open(
            IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root
        )
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            return None
        raise
    try:
        return read_store_identity(os.read(descriptor, _LONGEST_IDENTITY))
    finally:
        os.close(descriptor)


@contextmanager
def opened_store(
    name: StoreName, root: Path, identity: StoreIdentity | None, *, to_write: bool = False
) -> Iterator[int]:
    """Open the root folder of a store.

    Whatever is done below the descriptor is done to the very folder in which the identity was read, also
    where the disk is unmounted, or another mounted, meanwhile. Without an identity it can only be opened for
    reading. Raises ``UnavailableError`` where it is not there or is not that store: an empty mount point must
    not be taken for a store that has lost everything, nor be written to.
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
            found = identity_in(descriptor)
            if identity is not None or to_write:
                require_identity(name, identity, found, os.fspath(root))
            try:
                os.stat(INCOMING, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError as error:
                raise UnavailableError(
                    f"store {name}: {root} is not initialised as a store (no {INCOMING} folder); "
                    f"mount its disk, or, if the store is new, run: muniment stores init {name}"
                ) from error
        yield descriptor
    finally:
        os.close(descriptor)
