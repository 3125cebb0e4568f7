"""The worker's side: its fork server, kept running, and the processes of the runs that it has begun."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Self
from uuid import UUID

from flows.installation.settings import Settings
from flows.orchestration.runner.forking import Forked, forked
from flows.orchestration.runner.protocol import Kind, Message, channel, receive, send
from preservation.backoff import Backoff

_STOP_SECONDS = 10.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_CLOSED = -1


class RunProcesses:
    """The processes of one worker's runs. All of them end with it, and with their fork server."""

    def __init__(self, command: list[str], directory: str, first: Forked | None = None) -> None:
        """Take over the fork server ``first``, or start one. ``command`` starts one."""
        self._command = command
        self._directory = directory
        self._begun: dict[UUID, asyncio.Future[int]] = {}
        self._ended: dict[UUID, asyncio.Future[int]] = {}
        self._ready = False
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._not_before = 0.0
        self._process: subprocess.Popen[bytes] | Forked
        if first is None:
            self._start()
        else:
            self._process, self._channel = first, first.channel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def are_ready(self) -> bool:
        """Whether a run can begin now."""
        return self._ready

    def keep_up(self) -> None:
        """Start the fork server again where it has ended: at once, and after a pause where it ends again.

        To be called every second or so, from the event loop that waits for the runs.
        """
        if self._process.poll() is not None and time.monotonic() >= self._not_before:
            if self._channel.fileno() != _CLOSED:
                self._lose()
            self._not_before = time.monotonic() + self._backoff.pause()
            self._start()
        if self._channel.fileno() != _CLOSED:
            asyncio.get_running_loop().add_reader(self._channel, self._read)

    async def begin(self, run: UUID) -> int:
        """Begin ``run`` in a process of its own and return that process's number.

        Raises ``OSError`` where it cannot begin, as while the fork server is being started again.
        """
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._begun[run], self._ended[run] = begun, asyncio.get_running_loop().create_future()
        try:
            send(self._channel, Message(Kind.RUN, run))
            return await begun
        except OSError:
            del self._ended[run]
            raise
        finally:
            del self._begun[run]

    async def ended(self, run: UUID) -> int:
        """Wait until a run that has begun ends; return its exit status, negative if a signal ended it."""
        try:
            return await self._ended[run]
        finally:
            del self._ended[run]

    def send_signal(self, run: UUID, number: signal.Signals) -> None:
        """Send the run's process a signal, where it is running."""
        with suppress(OSError):
            send(self._channel, Message(Kind.SIGNAL, run, number))

    def close(self) -> None:
        """End the fork server and the runs that are left."""
        self._channel.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._ready = False
        self._channel, its = channel()
        with its:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter, an argument list
                [*self._command, str(its.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                cwd=self._directory,
                # Ctrl-C in a terminal is for the worker.
                start_new_session=True,
            )

    def _read(self) -> None:
        message = receive(self._channel)
        if message is None:
            self._lose()
        elif message.kind is Kind.READY:
            self._ready = True
        elif message.kind is Kind.STARTED:
            _settle(self._begun.get(message.run), message.value)
        else:
            _settle(self._begun.get(message.run), OSError("its process could not be made"))
            _settle(self._ended.get(message.run), message.value)

    def _lose(self) -> None:
        """Release a fork server that is gone; the kernel has killed its runs."""
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._process.kill()
        self._ready = False
        for begun in self._begun.values():
            _settle(begun, OSError("the process that was to begin it is gone"))
        for ended in self._ended.values():
            _settle(ended, -signal.SIGKILL)


def _settle(future: asyncio.Future[int] | None, result: int | OSError) -> None:
    if future is None or future.done():
        return
    if isinstance(result, int):
        future.set_result(result)
    else:
        future.set_exception(result)


def run_processes(settings: Settings) -> RunProcesses | None:
    """Return the processes of a worker's runs, with this process's environment. Imports Prefect.

    The fork server is forked from this process, which is to become the worker, so that both share what was
    imported. Returns ``None`` in a process that was forked, after what it was forked for: it is to end.
    """
    directory = os.fspath(settings.directory)
    server = forked(settings.directory)
    if server is not None and server.is_this_process:
        return None
    # -P: no module is imported from the folder in which the runs work.
    command = [sys.executable, "-P", "-m", "flows.orchestration.runner.fork_server", directory]
    return RunProcesses(command, directory, server)
