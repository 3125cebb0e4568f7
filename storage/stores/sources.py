"""The local file that a deposit's bytes come from: opened once; an error names it where it is at fault."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from preservation.errors import SourceChangedError, UnavailableError
from preservation.files.beneath import READ_FILE, open_path
from preservation.model.paths import printable
from storage.ports.stores import Deposit

_OWN_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}

_LONGEST_PATH = 4095
"""Bytes of a path that the system takes in one call."""


@contextmanager
def opened_source(deposit: Deposit) -> Iterator[int]:
    """Open the deposit's file for reading, after checking that it is a plain file of the promised size.

    A link at any segment of its path is not followed.

    Raises ``SourceChangedError`` where it is not, ``UnavailableError`` at a limit of this machine.
    """
    if len(os.fsencode(deposit.source)) > _LONGEST_PATH:
        # It could be opened and kept, but not be restored.
        raise source_changed(deposit, os.strerror(errno.ENAMETOOLONG))
    try:
        source = open_path(os.fspath(deposit.source), READ_FILE)
    except OSError as error:
        if error.errno in _OWN_LIMITS:
            raise UnavailableError(
                f"{printable(str(deposit.source))}: {error.strerror} on this machine; "
                "run it again when it is less busy"
            ) from error
        raise source_changed(deposit, error.strerror or str(error)) from error
    try:
        fault = _fault_of(os.fstat(source), deposit)
        if fault is not None:
            raise source_changed(deposit, fault)
        yield source
    finally:
        os.close(source)


def source_changed(deposit: Deposit, reason: str) -> SourceChangedError:
    """Return the error for a source that is not what it was."""
    return SourceChangedError(
        f"{printable(str(deposit.source))} changed after it was surveyed: {reason}; "
        "see that nothing writes to the drop any more, then preserve it again"
    )


def ends_early(deposit: Deposit, offset: int) -> SourceChangedError:
    """Return the error for a source that has become shorter while it was read."""
    return source_changed(deposit, f"it had {deposit.size} bytes and ends after {offset}")


def _fault_of(status: os.stat_result, deposit: Deposit) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "it is no longer a plain file"
    if status.st_size != deposit.size:
        return f"it had {deposit.size} bytes and has {status.st_size}"
    return None
