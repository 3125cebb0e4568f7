"""The worker's side: the socket on which hands call, and the warm process that answers there."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flows.handing.letter import HANDS_VARIABLE, address_of
from flows.installation.log import LOG
from flows.installation.settings import Settings

_BACKLOG = 64
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LONGEST_PAUSE = 60.0


class Hands(Protocol):
    """What a worker has for its runs. ``slot`` numbers the workers of one installation, from 1.

    In ``folder`` is noted which runs go on.
    """

    @property
    def slot(self) -> int:
        """The worker's number."""

    @property
    def folder(self) -> Path:
        """The folder of all hands of the installation."""

    def wait_until_warm(self) -> bool:
        """Wait until everything is imported that a run needs; say whether it is."""

    def keep_warm(self) -> None:
        """See that it stays so; to be called now and then."""

    def end_runs(self) -> None:
        """Ask every run to end: it tells Prefect so, and goes on from there another time."""


@dataclass(frozen=True, slots=True)
class _ColdHands:
    """No warm process: each run imports for itself what it needs, and is killed with the worker."""

    slot: int
    folder: Path

    def wait_until_warm(self) -> bool:
        return False

    def keep_warm(self) -> None:
        return

    def end_runs(self) -> None:
        return


class _WarmHands:
    """The warm process of a worker."""

    def __init__(self, calls: socket.socket, slot: int, folder: Path) -> None:
        self.slot = slot
        self.folder = folder
        self._calls = calls
        self._pause = 1.0
        self._not_before = 0.0
        self._process, self._leash = self._started()

    def wait_until_warm(self) -> bool:
        return bool(select.select([self._leash], [], [], _START_SECONDS)[0]) and self._process.poll() is None

    def keep_warm(self) -> None:
        # At once where it has gone, and later where that is no help.
        if self._process.poll() is None or time.monotonic() < self._not_before:
            return
        self._leash.close()
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._process, self._leash = self._started()

    def end_runs(self) -> None:
        with suppress(OSError):
            self._leash.send(b"\1")

    def close(self) -> None:
        """End the warm process and whatever runs are left."""
        self._leash.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, its = socket.socketpair()
        with its:
            descriptors = (self._calls.fileno(), its.fileno())
            process = subprocess.Popen(  # noqa: S603  our own interpreter, an argument list
                [sys.executable, "-m", "flows.handing.warm", *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                # Ctrl-C in a terminal is for the worker.
                start_new_session=True,
            )
        return process, ours


@contextmanager
def hands_of(settings: Settings) -> Iterator[Hands]:
    """Keep a warm process for as long as the context lasts, and tell the commands of runs where it is.

    Where the installation's file system has no sockets, a network share say, there is none.
    """
    folder = settings.state / "hands"
    folder.mkdir(mode=0o700, exist_ok=True)
    slot, lock = _free_slot(folder)
    place = folder / f"{slot}.sock"
    try:
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as calls:
            os.environ[HANDS_VARIABLE] = f"{os.getpid()} {place}"
            if not _listens(calls, place):
                yield _ColdHands(slot, folder)
                return
            hands = _WarmHands(calls, slot, folder)
            try:
                yield hands
            finally:
                hands.close()
                place.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _listens(calls: socket.socket, place: Path) -> bool:
    """Let hands call at ``place``; say whether they can."""
    try:
        with address_of(place) as address:
            calls.bind(address)
        calls.listen(_BACKLOG)
    except OSError as error:
        LOG.warning(
            "%s: no socket can be made there (%s), so each run takes some seconds more to begin",
            place.parent,
            error.strerror or error,
        )
        return False
    return True


def _free_slot(folder: Path) -> tuple[int, int]:
    """Return the lowest number that no worker of this installation has, and the lock that holds it."""
    slot = 0
    while True:
        slot += 1
        lock = os.open(folder / f"{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return slot, lock
