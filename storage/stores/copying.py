"""Copying one local file into a store's folder: by the kernel, whole, and with the blame where it belongs."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from preservation.errors import SourceChangedError, UnavailableError
from preservation.model.paths import shown
from storage.ports.stores import Deposit
from storage.stores.faults import STORE_ONLY

FILE_MODE = 0o444

_BLOCK_BYTES = 1 << 20
_OWN_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def copy_in(deposit: Deposit, folder: int, name: str, *, durable: bool) -> None:
    """Create ``name`` in the open ``folder`` with the deposit's bytes; on disk on return where ``durable``.

    Raises ``SourceChangedError`` where the source is to blame, ``OSError`` where the store is.
    """
    source = _opened_source(deposit)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(name, flags, FILE_MODE, dir_fd=folder)
        try:
            _copy(deposit, source, target)
            os.fchmod(target, FILE_MODE)
            if durable:
                os.fsync(target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _opened_source(deposit: Deposit) -> int:
    # O_NONBLOCK, because a pipe may have taken the file's place since it was surveyed.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        source = os.open(deposit.source, flags)
    except OSError as error:
        if error.errno in _OWN_LIMITS:
            raise UnavailableError(
                f"{_named(deposit.source)}: {error.strerror} on this machine; "
                "run it again when it is less busy"
            ) from error
        raise _changed(deposit, error.strerror or str(error)) from error
    fault = _fault_of(os.fstat(source), deposit)
    if fault is not None:
        os.close(source)
        raise _changed(deposit, fault)
    return source


def _fault_of(status: os.stat_result, deposit: Deposit) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "it is no longer a plain file"
    if status.st_size != deposit.size:
        return f"it had {deposit.size} bytes and has {status.st_size}"
    return None


def _copy(deposit: Deposit, source: int, target: int) -> None:
    # Not copy_file_range: on some file systems it would only share the source's blocks, and one bad
    # block would then take the source and every replica.
    offset = 0
    while offset < deposit.size:
        try:
            count = _send(source, target, offset, deposit.size - offset)
        except OSError as error:
            if error.errno not in STORE_ONLY:
                _require_readable(deposit, source, offset)
            raise
        if count == 0:
            raise _changed(deposit, f"it had {deposit.size} bytes and ends after {offset}")
        offset += count


def _send(source: int, target: int, offset: int, count: int) -> int:
    try:
        return os.sendfile(target, source, offset, count)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS}:
            raise
    # Some file systems cannot be sent to: through our memory, then.
    return os.write(target, os.pread(source, min(count, _BLOCK_BYTES), offset))


def _require_readable(deposit: Deposit, source: int, offset: int) -> None:
    """Tell a source that cannot be read from a store that cannot be written: both may say EIO."""
    try:
        os.pread(source, _BLOCK_BYTES, offset)
    except OSError as error:
        raise _changed(deposit, error.strerror or str(error)) from error


def _changed(deposit: Deposit, reason: str) -> SourceChangedError:
    return SourceChangedError(
        f"{_named(deposit.source)} changed after it was surveyed: {reason}; "
        "see that nothing writes to the drop any more, then preserve it again"
    )


def _named(source: Path) -> str:
    return shown(os.fspath(source))
