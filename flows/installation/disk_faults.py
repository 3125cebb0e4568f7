"""Faults of this machine's disks, as errors that name the folder and the next step."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.installation.settings import Settings
from preservation.errors import DeniedError, StorageError, StoreFullError, UnavailableError
from preservation.model.paths import printable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_ALMOST_NOTHING = 1 << 20
"""Bytes: a disk with less free counts as full, even where a failed write left some."""


@contextmanager
def translated_faults(settings: Settings) -> Iterator[None]:
    """Turn an ``OSError`` raised within into the ``StorageError`` of ``machine_fault``."""
    try:
        yield
    except OSError as error:
        raise machine_fault(error, settings) from error


def machine_fault(error: OSError, settings: Settings) -> StorageError:
    """Return an ``OSError`` from outside of any store as an error: full, denied, or unavailable."""
    reason = error.strerror or str(error)
    where = printable(os.fsdecode(error.filename)) if error.filename else "a folder of this installation"
    if error.errno in _FULL:
        full = " and ".join(printable(str(folder)) for folder in _full_folders(settings)) or where
        return StoreFullError(f"no space is left on the disk of {full}; free space there")
    if error.errno in _DENIED:
        return DeniedError(
            f"{where} cannot be written: {reason}; check its owner, and that its disk is mounted for writing"
        )
    return UnavailableError(f"{where}: {reason}; check that its disk is healthy and mounted")


def _full_folders(settings: Settings) -> Iterator[Path]:
    """Yield the installation's folders on a full disk: the system does not report which disk is full."""
    seen: set[int] = set()
    for folder in (
        settings.processing,
        settings.state,
        settings.receipts,
        settings.reports,
        settings.access,
        Path(tempfile.gettempdir()),
    ):
        try:
            disk, space = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        full = space.f_bavail * space.f_frsize < _ALMOST_NOTHING or (space.f_files and not space.f_favail)
        if full and disk not in seen:
            seen.add(disk)
            yield folder
