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
from pathlib import Path

from flows.handing.letter import HANDS_VARIABLE, address_of
from flows.settings import Settings

_BACKLOG = 64
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LONGEST_PAUSE = 60.0


class Hands:
    """The warm process of a worker. ``slot`` numbers the workers of one installation, from 1."""

    def __init__(self, calls: socket.socket, slot: int, folder: Path) -> None:
        self.slot = slot
        self.folder = folder
        self._calls = calls
        self._pause = 1.0
        self._not_before = 0.0
        self._process, self._leash = self._started()

    def wait_until_warm(self) -> bool:
        """Wait until it has everything imported; say whether it has."""
        return bool(select.select([self._leash], [], [], _START_SECONDS)[0]) and self._process.poll() is None

    def keep_warm(self) -> None:
        """Start another warm process where this one has gone: at once, and later where that is no help."""
        if self._process.poll() is None or time.monotonic() < self._not_before:
            return
        self._leash.close()
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._process, self._leash = self._started()

    def end_runs(self) -> None:
        """Ask every run to end: it tells Prefect so, and goes on from there another time."""
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
    """Keep a warm process for as long as the context lasts, and tell the commands of runs where it is."""
    folder = settings.state / "hands"
    folder.mkdir(mode=0o700, exist_ok=True)
    slot, lock = _free_slot(folder)
    place = folder / f"{slot}.sock"
    try:
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as calls:
            with address_of(place) as address:
                calls.bind(address)
            calls.listen(_BACKLOG)
            os.environ[HANDS_VARIABLE] = f"{os.getpid()} {place}"
            hands = Hands(calls, slot, folder)
            try:
                yield hands
            finally:
                hands.close()
                place.unlink(missing_ok=True)
    finally:
        os.close(lock)


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
