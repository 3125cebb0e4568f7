"""Copying one local file into a store's folder: by the kernel, whole; an error names the side at fault."""

import errno
import os
import stat

from storage.ports.stores import Deposit
from storage.stores.folder.faults import STORE_ONLY
from storage.stores.sources import ends_early, opened_source, source_changed

_BLOCK_BYTES = 1 << 20

_SENT_BYTES = 64 << 20
"""So much the kernel copies at a time; then progress is reported."""


def copy_in(deposit: Deposit, folder: int, name: str, mode: int, *, durable: bool) -> None:
    """Create ``name`` in the open ``folder`` with the deposit's bytes and ``mode``.

    It is on disk on return where ``durable``.

    Raises ``SourceChangedError`` where the source is at fault, ``OSError`` where the store is.
    """
    with opened_source(deposit) as source:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(name, flags, mode, dir_fd=folder)
        try:
            _copy(deposit, source, target)
            # Reading the mode is cheaper than setting it: only a strict umask makes it another one.
            if stat.S_IMODE(os.fstat(target).st_mode) != mode:
                os.fchmod(target, mode)
            if durable:
                os.fsync(target)
            deposit.written(1, 0)
        finally:
            os.close(target)


def _copy(deposit: Deposit, source: int, target: int) -> None:
    # Not copy_file_range: on some file systems it would only share the source's blocks, and one bad
    # block would then take the source and every replica.
    offset = 0
    while offset < deposit.size:
        try:
            count = _send(source, target, offset, min(_SENT_BYTES, deposit.size - offset))
        except OSError as error:
            if error.errno not in STORE_ONLY:
                _require_readable(deposit, source, offset)
            raise
        if count == 0:
            raise ends_early(deposit, offset)
        offset += count
        deposit.written(0, count)


def _send(source: int, target: int, offset: int, count: int) -> int:
    try:
        return os.sendfile(target, source, offset, count)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS}:
            raise
    # Some file systems cannot be sent to: through our memory, then.
    return os.write(target, os.pread(source, min(count, _BLOCK_BYTES), offset))


def _require_readable(deposit: Deposit, source: int, offset: int) -> None:
    """Raise where the source cannot be read, not where the store cannot be written: both give EIO."""
    try:
        os.pread(source, _BLOCK_BYTES, offset)
    except OSError as error:
        raise source_changed(deposit, error.strerror or str(error)) from error
