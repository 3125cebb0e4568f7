"""From the operating system's errors to ours: which store, which key, and what to do next."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from preservation.errors import (
    AlreadyExistsError,
    DeniedError,
    StorageError,
    StoreFullError,
    UnavailableError,
)
from preservation.model.identifiers import StoreName
from preservation.model.paths import printable

STORE_ONLY = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMLINK}
"""Errors of a copy that can only be the receiving side's."""

_FULL = (StoreFullError, "make room in the store, then run it again")
_DENIED = (DeniedError, "see who owns the folder, and that it is mounted for writing")
_IN_THE_WAY = (
    DeniedError,
    "a link, or a file where a folder is needed, is in the way, and a store follows no links; look at it",
)
_UNHOLDABLE = (DeniedError, "the file system there cannot hold this file; keep the package in another store")
_UNAVAILABLE = (UnavailableError, "see that the disk is healthy and mounted, then run it again")

_MEANING: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EMLINK: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ELOOP: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ENAMETOOLONG: _UNHOLDABLE,
    errno.EILSEQ: _UNHOLDABLE,
    errno.EFBIG: _UNHOLDABLE,
    errno.EEXIST: (AlreadyExistsError, "a store only creates; look at what is there"),
}


def translated(error: OSError, store: StoreName, act: str, name: str) -> StorageError:
    """Return the ``StorageError`` for a failed act, such as ``create`` on the key ``name``."""
    kind, next_step = _MEANING.get(error.errno or 0, _UNAVAILABLE)
    reason = error.strerror or str(error)
    return kind(f"store {store}: cannot {act} {printable(name)}: {reason}; {next_step}")


@contextmanager
def translating(store: StoreName, act: str, name: str) -> Iterator[None]:
    """Turn an ``OSError`` raised within into the ``StorageError`` that names store, act and name."""
    try:
        yield
    except OSError as error:
        raise translated(error, store, act, name) from error
