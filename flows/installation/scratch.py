"""Scratch folders for intermediate files; the next run removes what a killed run left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path, purpose: str) -> Iterator[Path]:
    """Make a new folder below ``parent``, and remove it afterwards.

    It is locked while it is used; folders for the same ``purpose`` that are not locked are removed.
    """
    with _locked(parent / f".{purpose}.lock", os.O_RDWR | os.O_CREAT):
        for left in parent.glob(f"{purpose}-*"):
            # A locked folder is in use by another run; a missing one was just removed.
            with suppress(OSError), _locked(left, os.O_RDONLY, fcntl.LOCK_NB):
                shutil.rmtree(left)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{purpose}-"))
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


@contextmanager
def _locked(path: Path, flags: int, wait: int = 0) -> Iterator[None]:
    lock = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | wait)
        yield
    finally:
        os.close(lock)
