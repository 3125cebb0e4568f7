"""Which flow runs go on on this machine, so that a killed one is not shown as running for ever.

Prefect learns of a run's end from its worker. Where the worker was killed with it, nobody tells: the run
would stand as *Running*, and hold its place in every limit. So each run holds a lock on a note of its own
while it goes on, and what another worker finds unlocked has ended.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = "runs"


@contextmanager
def noted_as_running(hands: Path, run: str) -> Iterator[None]:
    """Hold the note of flow run ``run`` while the context lasts, or the program that takes its place."""
    folder = _folder(hands)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / run
    # Locked before it has the name under which others look whether it is.
    beginning = folder / f".{run}"
    lock = os.open(beginning, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    beginning.rename(note)
    os.set_inheritable(lock, True)  # noqa: FBT003  its only parameter
    try:
        yield
    finally:
        note.unlink(missing_ok=True)
        os.close(lock)


def ended_unnoticed(hands: Path) -> Iterator[str]:
    """Give the flow runs of this machine whose process has gone without a word.

    The note of each is taken away when the next one is asked for, that is, when it was seen to.
    """
    for note in sorted(_folder(hands).glob("[!.]*")):
        try:
            lock = os.open(note, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            yield note.name
            note.unlink(missing_ok=True)
        finally:
            os.close(lock)


def goes_on_here(hands: Path, run: str) -> bool:
    """Say whether a process of this machine has flow run ``run`` in hand."""
    try:
        lock = os.open(_folder(hands) / run, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _folder(hands: Path) -> Path:
    """Return where this machine's notes are: locks do not reach over every shared file system."""
    return hands / _FOLDER / socket.gethostname()
