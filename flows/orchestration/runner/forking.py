"""A fork server that is forked from its worker, which shares with it all that both import."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from flows.orchestration.runner.fork_server import load, serve_runs
from flows.orchestration.runner.protocol import channel
from preservation.tools.kernel import die_with_parent

_LOOK_SECONDS = 0.02
_ITSELF = 0


@dataclass
class Forked:
    """A fork server, a child of this process, with the verbs of ``subprocess.Popen`` that a worker needs."""

    pid: int
    channel: socket.socket
    returncode: int | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether this process is the one that was forked."""
        return self.pid == _ITSELF

    def poll(self) -> int | None:
        """Return its exit status, negative if a signal ended it; ``None`` while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("fork server", timeout or 0)
            time.sleep(_LOOK_SECONDS)
        return status

    def kill(self) -> None:
        """Kill it, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def forked(directory: Path) -> Forked | None:
    """Fork this process; the new one serves runs, and is back here once its work is done.

    Returns ``None`` and forks nothing where this process has a second thread: a fork has one thread alone,
    and what another one has locked stays locked in it.
    """
    load()
    if sum(1 for _ in Path("/proc/self/task").iterdir()) > 1:
        return None
    ours, its = channel()
    worker = os.getpid()
    pid = os.fork()
    if pid != _ITSELF:
        its.close()
        return Forked(pid, ours)
    die_with_parent(worker)
    ours.close()
    # Ctrl-C in a terminal is for the worker, and so is what is typed there.
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.chdir(directory)
    serve_runs(its, directory)
    return Forked(_ITSELF, its)
