"""Supervision of a process: it is started again when it ends, after pauses that grow while it fails."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from preservation.backoff import Backoff
from preservation.tools.kernel import die_with_parent

_SUPERVISOR_VARIABLE = "MUNIMENT_SUPERVISOR"
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_SETTLED_SECONDS = 120.0
"""A process that ran for so long ended for a new reason, so the pause is short again."""


def end_with_supervisor() -> None:
    """Have the kernel kill this process when its supervisor ends; without a supervisor, do nothing."""
    supervisor = os.environ.pop(_SUPERVISOR_VARIABLE, "")
    if supervisor:
        die_with_parent(int(supervisor))


class Supervised:
    """A process, named ``what`` in messages, that is to run until it is stopped.

    ``notify`` is called with a message each time that the process ended by itself. For use by one thread: a
    process that calls ``end_with_supervisor`` ends when the thread that started it does.
    """

    def __init__(
        self, what: str, command: Sequence[str], environment: Mapping[str, str], notify: Callable[[str], None]
    ) -> None:
        self._what = what
        self._command = list(command)
        self._environment = {**environment, _SUPERVISOR_VARIABLE: str(os.getpid())}
        self._notify = notify
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._began = 0.0
        self._again_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        """Start the process if it does not run and its pause is over; to be called about every second."""
        if self.runs:
            return
        moment = time.monotonic()
        if self._process is not None and not self._ended:
            self._record_end(self._process, moment)
        if moment >= self._again_at:
            try:
                self._start()
            except OSError as error:
                self._wait(moment, f"the {self._what} could not be started ({error.strerror or error})")
                return
            self._began = moment
            self._ended = False

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def kill(self, patience: float) -> None:
        """Wait ``patience`` seconds for the end of the process, then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        # A process group of its own: Ctrl-C in a terminal reaches only the supervisor, which stops it.
        self._process = subprocess.Popen(  # noqa: S603  a command of our own, an argument list
            self._command, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _record_end(self, process: subprocess.Popen[bytes], moment: float) -> None:
        self._ended = True
        if moment - self._began > _SETTLED_SECONDS:
            self._backoff.reset()
        self._wait(moment, f"the {self._what} ended (exit {process.returncode})")

    def _wait(self, moment: float, what: str) -> None:
        pause = self._backoff.pause()
        self._again_at = moment + pause
        self._notify(f"{what}; it is started again in {pause:.0f} s")
