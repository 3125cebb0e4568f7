"""The fork server: it has Prefect and the flows imported, and begins each flow run by forking.

A worker forks it while it has one thread itself (``forking``); where it has ended, it is started again,
``python -m flows.orchestration.runner.fork_server DIRECTORY CHANNEL WORKER``, with the installation's
directory, its end of the channel and its own process number. It has one thread and talks to no other process
before it forks, so each run begins as a process started for it would, only at once. It ends with the worker,
and its runs with it.
"""

import gc
import io
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from uuid import UUID

from flows.orchestration.runner.protocol import Kind, Message, receive, send
from preservation.tools.kernel import die_with_parent

_ENGINE = "flows.orchestration.runner.engine"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that the fork server ignores and a run acts on."""

_IMPORTED = (
    _ENGINE,
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.utilities.visualization",
    "flows.orchestration.preserve",
)
_NOT_BEGUN = 1


@dataclass(frozen=True, slots=True)
class _Process:
    """The process of a run, which leads a process group; ``ended`` becomes readable when it ends."""

    run: UUID
    pid: int
    ended: int


class _ForkServer:
    """Forks, passes signals on and reports how runs ended, all in one thread."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._events = selectors.DefaultSelector()
        self._events.register(channel, selectors.EVENT_READ)
        self._processes: dict[UUID, _Process] = {}

    def serve(self) -> UUID | None:
        """Serve until the worker is gone and return ``None``; in the process of a run, return the run."""
        while True:
            for key, _ in self._events.select():
                if key.data is not None:
                    self._conclude(key.data)
                    continue
                message = receive(self._channel)
                if message is None:
                    # The kernel kills the runs when this process ends.
                    return None
                if message.kind is Kind.SIGNAL:
                    if message.run in self._processes:
                        os.kill(self._processes[message.run].pid, message.value)
                elif self._forked(message.run):
                    return message.run

    def _forked(self, run: UUID) -> bool:
        """Fork for ``run`` and return whether this is the new process."""
        parent = os.getpid()
        # A signal that comes before the new process can act on it waits; ignored, it would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._report(Message(Kind.ENDED, run, _NOT_BEGUN))
            return False
        # On both sides: whichever comes first.
        with suppress(OSError):
            os.setpgid(pid, pid)
        if pid == 0:
            die_with_parent(parent)
            self._events.close()
            self._channel.close()
            for other in self._processes.values():
                os.close(other.ended)
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        process = _Process(run, pid, os.pidfd_open(pid))
        self._processes[run] = process
        self._events.register(process.ended, selectors.EVENT_READ, process)
        self._report(Message(Kind.STARTED, run, pid))
        return False

    def _conclude(self, process: _Process) -> None:
        """Report how the run ended, and kill what it has left in its process group."""
        with suppress(OSError):
            # Before its number is free for another process.
            os.killpg(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        self._events.unregister(process.ended)
        os.close(process.ended)
        del self._processes[process.run]
        self._report(Message(Kind.ENDED, process.run, os.waitstatus_to_exitcode(status)))

    def _report(self, message: Message) -> None:
        # Where the worker is gone, the next read from the channel shows it.
        with suppress(OSError):
            send(self._channel, message)


def serve(channel: socket.socket, run: Callable[[UUID], None]) -> None:
    """Serve the worker at the other end of ``channel`` until it is gone; a new process calls ``run``."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # Where the worker is gone already, the first read from the channel shows it.
    with suppress(OSError):
        send(channel, Message(Kind.READY))
    begun = _ForkServer(channel).serve()
    if begun is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        run(begun)


def load() -> None:
    """Import what a run needs. It stays as it is, so that processes that are forked share its memory."""
    for name in _IMPORTED:
        import_module(name)
    # These import more when they are first used.
    anyio = import_module("anyio")
    anyio.run(anyio.sleep, 0)
    import_module("rich.console").Console(file=io.StringIO()).print("")
    "localhost".encode("idna")
    gc.collect()
    gc.freeze()


def serve_runs(channel: socket.socket, directory: Path) -> None:
    """Serve the worker at the other end of ``channel`` with the runs of the installation in ``directory``."""
    engine = import_module(_ENGINE)
    serve(channel, lambda run: engine.run_flow_run(run, directory))


def main() -> None:
    """Import what a run needs, then serve."""
    directory, channel, worker = sys.argv[1:]
    die_with_parent(int(worker))
    load()
    serve_runs(socket.socket(fileno=int(channel)), Path(directory))


if __name__ == "__main__":
    main()
