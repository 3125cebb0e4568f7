"""One caged worker, seen from the parent: started, asked, listened to, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from preservation.errors import ToolFailedError
from preservation.tools import wire
from preservation.tools.limits import MINIMAL, Limits
from preservation.tools.work import Died, Exhausted, Request

_PROGRAM = ("-m", "preservation.tools.worker")
_STARTUP_SECONDS = 60.0
_RECEIVED_AT_ONCE = 1 << 16


class WorkerProcess:
    """A process in its cage.

    ``is_ready`` once it has started, and listens; ``served`` counts the requests it has answered.
    """

    def __init__(self, limits: Limits, preload: tuple[str, ...], openable: tuple[Path, ...] | None) -> None:
        self.served = 0
        self.is_ready = False
        self._limits = limits
        self._patience = limits.wall_seconds
        self._reader = wire.AnswerReader()
        self._deadline = time.monotonic() + _STARTUP_SECONDS
        self._channel, theirs = socket.socketpair()
        # Sending waits for the worker to listen, which must not last for ever either.
        self._channel.settimeout(_STARTUP_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  argv list, no shell
                [sys.executable, "-I", "-B", "-X", "utf8", *_PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=MINIMAL,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        paths = None if openable is None else tuple(wire.packed(str(path)) for path in openable)
        with contextlib.suppress(OSError):
            wire.send_setup(self._channel, wire.Setup(os.getpid(), limits, preload, paths))

    def fileno(self) -> int:
        """Return the descriptor on which answers come."""
        return self._channel.fileno()

    @property
    def pid(self) -> int:
        """The operating system's number of the process."""
        return self._process.pid

    @property
    def seconds_left(self) -> float:
        """Wall time until the request must be answered."""
        return self._deadline - time.monotonic()

    def send(self, request: Request, descriptors: Sequence[int]) -> None:
        """Hand over a request. Where the process does not listen any more, ``receive`` reports its end."""
        self._patience = self._limits.wall_seconds + request.more_seconds
        if self.is_ready:
            self._deadline = time.monotonic() + self._patience
        order = wire.WorkOrder(
            job=request.job,
            arguments=dict(request.arguments),
            inputs=len(request.inputs),
            outputs=len(request.outputs),
            pipes=len(request.pipes),
            more_seconds=request.more_seconds,
        )
        with contextlib.suppress(OSError):
            wire.send_order(self._channel, order, descriptors)

    def receive(self) -> wire.Answer | Died | None:
        """Return what has come on a readable channel, or how the process died; ``None`` if more is to come.

        Raises ``ToolFailedError`` where it died before it was in its cage.
        """
        try:
            received = self._channel.recv(_RECEIVED_AT_ONCE)
        except ConnectionResetError:
            received = b""
        if not received:
            return self._death()
        try:
            answer = self._reader.feed(received)
            if isinstance(answer, wire.Ready):
                self.is_ready = True
                self._deadline = time.monotonic() + self._patience
                answer = self._reader.feed(b"")
        except (ValueError, msgspec.MsgspecError) as error:
            self.kill()
            return Died(f"the process no longer made sense: {error}")
        return answer

    def time_out(self) -> Exhausted:
        """End a process whose time is up. Raises ``ToolFailedError`` where it was not even ready."""
        self.kill()
        if not self.is_ready:
            raise ToolFailedError(f"a caged worker did not start within {_STARTUP_SECONDS:.0f} s")
        return Exhausted("time", f"{self._patience:g} s")

    def kill(self) -> int:
        """End the process, whatever it does; return its exit status as ``subprocess`` writes it."""
        self._channel.close()
        self._process.kill()
        return self._process.wait()

    def _death(self) -> Exhausted | Died:
        # A process that has begun to end keeps its own exit status, also when it is killed on its way.
        status = self.kill()
        if status == -signal.SIGXCPU:
            return Exhausted("CPU time", f"{self._limits.cpu_seconds} s")
        manner = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if not self.is_ready:
            raise ToolFailedError(
                f"a caged worker could not start ({manner}); it may need more than "
                f"{self._limits.address_space >> 20} MiB of address space"
            )
        if status == -signal.SIGKILL:
            # Not ours, which comes after its end: content crashes what reads it in other ways.
            return Exhausted("memory", "the system ended the process, as it does where memory is short")
        return Died(manner)
