"""Confirming in processes of their own: with many small files it is the interpreter that threads wait for."""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from preservation.tools.kernel import die_with_parent
from storage.ports.confirmers import Confirmer, Expected

_READY = b"."


class ConfirmerProcesses:
    """A ``Confirmer`` that has ``inner`` do its work in up to so many processes, once they are started.

    Until one is ready, and where one dies, ``inner`` works here: they make it faster and nothing else.
    """

    def __init__(self, inner: Confirmer, processes: int) -> None:
        self.name = inner.name
        self._inner = inner
        self._most = processes
        self._all: list[_Process] = []
        self._free: deque[_Process] = deque()

    def start(self) -> None:
        """Start the processes, where they are not, and do not wait for them.

        They end with the thread that calls this, if not by ``close``. Where none can be started, nothing
        is changed.
        """
        with suppress(OSError):
            while len(self._all) < self._most:
                process = _Process(self._inner)
                self._all.append(process)
                self._free.append(process)

    def confirmed(self, files: Sequence[Expected]) -> list[int | None]:
        """Confirm the files in a process that is free, or else here: see ``Confirmer``."""
        process = self._taken()
        if process is not None:
            with suppress(OSError, EOFError, pickle.UnpicklingError):
                found = process.ask(files)
                self._free.append(process)
                return found
        return self._inner.confirmed(files)

    def close(self) -> None:
        """End the processes."""
        self._free.clear()
        while self._all:
            self._all.pop().end()

    def _taken(self) -> "_Process | None":
        """Take a process that is ready and does nothing else."""
        with suppress(IndexError, EOFError, OSError):
            process = self._free.popleft()
            if process.is_ready():
                return process
            self._free.append(process)
        return None


class _Process:
    """One process, which answers one question after the other."""

    def __init__(self, inner: Confirmer) -> None:
        # Most audits start none.
        from multiprocessing import Pipe  # noqa: PLC0415  see above

        self._line, others = Pipe()
        with others:
            # -I leaves the environment out, PYTHONUTF8 too.
            command = [sys.executable, "-I", "-B", "-X", "utf8", "-m", __name__]
            self._process = subprocess.Popen(  # noqa: S603  argv list, no shell
                [*command, str(os.getpid()), str(others.fileno())], pass_fds=(others.fileno(),)
            )
        self._is_ready = False
        self._line.send(inner)

    def is_ready(self) -> bool:
        """Return whether it has started; it is not waited for."""
        if not self._is_ready and self._line.poll():
            self._is_ready = self._line.recv() == _READY
        return self._is_ready

    def ask(self, files: Sequence[Expected]) -> list[int | None]:
        """Return its answer. Raises ``OSError`` or ``EOFError`` where it is gone."""
        self._line.send(files)
        found: list[int | None] = self._line.recv()
        return found

    def end(self) -> None:
        """End it: it holds nothing that could be lost."""
        self._line.close()
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Answer what comes on the line, to its end."""
    from multiprocessing.connection import Connection  # noqa: PLC0415  as above

    die_with_parent(int(sys.argv[1]))
    # Ctrl-C is meant for the program that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(sys.argv[2])) as line:
        inner: Confirmer = line.recv()
        line.send(_READY)
        with suppress(EOFError, ConnectionError):
            while True:
                line.send(inner.confirmed(line.recv()))


if __name__ == "__main__":
    main()
