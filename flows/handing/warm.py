"""The warm process: it has Prefect and the flows imported, and becomes a flow run by forking.

Started by a worker, ``python -m flows.handing.warm SOCKET LEASH``, with two descriptors: the socket on which
hands call, and a leash. What comes over the leash ends all runs; when the worker lets go of it, by its own
end too, the warm process ends with all its runs. It has one thread and talks to nobody before it forks, so
that each run begins as a process that was started for it would, only at once, and none changes the next.
"""

from __future__ import annotations

import gc
import io
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

from flows.handing.letter import GREETING, Letter, receive_letter, status_told
from preservation.tools.kernel import die_with_parent

_IMPORTED = (
    "flows.handing.engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.utilities.visualization",
    "flows.orchestration.preserve",
)
_LETTER_SECONDS = 5.0
_READY = b"\1"


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that goes on: its process, what tells of its end, and the hand that waits for it."""

    pid: int
    ended: int
    hand: socket.socket


class _Nursery:
    """Takes calls, forks, forwards signals, and tells how runs ended, all in one thread."""

    def __init__(self, calls: socket.socket, leash: socket.socket) -> None:
        self._calls = calls
        self._leash = leash
        self._events = selectors.DefaultSelector()
        self._events.register(calls, selectors.EVENT_READ)
        self._events.register(leash, selectors.EVENT_READ)
        self._runs: dict[int, _Run] = {}

    def serve(self) -> Letter | None:
        """Serve until the worker has gone: then ``None``. In the process of a run: its letter."""
        while True:
            for key, _ in self._events.select():
                if key.fileobj is self._leash:
                    if self._is_let_go():
                        self._signal_all(signal.SIGKILL)
                        return None
                    self._signal_all(signal.SIGTERM)
                elif key.fileobj is self._calls:
                    letter = self._answer_call()
                    if letter is not None:
                        return letter
                else:
                    self._attend(key.data)

    def _is_let_go(self) -> bool:
        try:
            return not self._leash.recv(1)
        except ConnectionResetError:
            # The worker ended before it had read that we are ready.
            return True

    def _answer_call(self) -> Letter | None:
        """Fork where somebody calls with a letter; return it in the new process, nothing in this one."""
        try:
            hand, _ = self._calls.accept()
        except BlockingIOError:
            return None
        hand.settimeout(_LETTER_SECONDS)
        letter = None
        try:
            hand.sendall(GREETING)
            letter = receive_letter(hand)
        except OSError:
            # It has gone, or is no hand of ours.
            letter = None
        if letter is None:
            hand.close()
            return None
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            hand.close()
            self._leave(parent)
            return letter
        for descriptor in letter.outputs:
            os.close(descriptor)
        run = _Run(pid, os.pidfd_open(pid), hand)
        self._runs[pid] = run
        self._events.register(run.ended, selectors.EVENT_READ, run)
        self._events.register(hand, selectors.EVENT_READ, run)
        return None

    def _leave(self, parent: int) -> None:
        """In the process of a run: let go of everything that is the warm process's own."""
        die_with_parent(parent)
        self._events.close()
        self._calls.close()
        self._leash.close()
        for other in self._runs.values():
            os.close(other.ended)
            other.hand.close()
        self._runs.clear()

    def _attend(self, run: _Run) -> None:
        """See to a run that has ended, or whose hand has passed on a signal, or has gone."""
        if run.pid not in self._runs:
            return
        pid, status = os.waitpid(run.pid, os.WNOHANG)
        if pid:
            self._conclude(run, os.waitstatus_to_exitcode(status))
            return
        try:
            signals = run.hand.recv(16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            signals = b""
        for number in signals or [signal.SIGKILL]:
            os.kill(run.pid, number)
        if not signals:
            # Nobody is left to be told; its end is waited for all the same.
            self._events.unregister(run.hand)

    def _conclude(self, run: _Run, status: int) -> None:
        del self._runs[run.pid]
        self._events.unregister(run.ended)
        with suppress(KeyError):
            self._events.unregister(run.hand)
        os.close(run.ended)
        with suppress(OSError):
            run.hand.sendall(status_told(status))
        run.hand.close()

    def _signal_all(self, number: signal.Signals) -> None:
        for run in self._runs.values():
            os.kill(run.pid, number)


def main() -> None:
    """Import, say so over the leash, and serve; in the process of a run, run it."""
    calls = socket.socket(fileno=int(sys.argv[1]))
    leash = socket.socket(fileno=int(sys.argv[2]))
    calls.settimeout(0)
    _import_all()
    # What was imported stays as it is, so that the runs share its memory.
    gc.collect()
    gc.freeze()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leash.sendall(_READY)
    letter = _Nursery(calls, leash).serve()
    if letter is not None:
        _run(letter)


def _import_all() -> None:
    """Import what a run will, and do once what imports more when it is first done."""
    for name in _IMPORTED:
        import_module(name)
    anyio = import_module("anyio")
    anyio.run(anyio.sleep, 0)
    import_module("rich.console").Console(file=io.StringIO()).print("")
    "localhost".encode("idna")


def _run(letter: Letter) -> None:
    """Be the process that Prefect's worker has started: its outputs, its folder, its environment."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for place, descriptor in enumerate(letter.outputs, start=1):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(letter.directory)
    os.environb.clear()
    os.environb.update(letter.environment)
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415  imported long ago

    from flows.handing.engine import run_asked_for  # noqa: PLC0415  as above

    refresh_global_settings_context()
    run_asked_for()


if __name__ == "__main__":
    main()
