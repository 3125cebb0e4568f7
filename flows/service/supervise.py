"""Keeping a process running: started again where it ends, after pauses that grow while that is no help."""

from __future__ import annotations

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
"""A process that has run for so long ended for another reason than the one before."""


def end_with_supervisor() -> None:
    """Have this process killed when its supervisor is; where it has none, this does nothing."""
    supervisor = os.environ.pop(_SUPERVISOR_VARIABLE, "")
    if supervisor:
        die_with_parent(int(supervisor))


class Supervised:
    """A process, called ``what`` for people, that is to run for as long as nobody stops it.

    ``say`` tells operators each time that it ended by itself, and when it is started again. It is for one
    thread: a process that calls ``end_with_supervisor`` ends when the thread that started it does.
    """

    def __init__(
        self, what: str, command: Sequence[str], environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._what = what
        self._command = list(command)
        self._environment = {**environment, _SUPERVISOR_VARIABLE: str(os.getpid())}
        self._say = say
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._began = 0.0
        self._again_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    @property
    def runs(self) -> bool:
        """Say whether it runs at this moment."""
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        """Start it where it does not run and it is time to; to be called every second or so."""
        if self.runs:
            return
        moment = time.monotonic()
        if self._process is not None and not self._ended:
            self._note_end(self._process, moment)
        if moment >= self._again_at:
            try:
                self._start()
            except OSError as error:
                self._wait(moment, f"the {self._what} could not be started ({error.strerror or error})")
                return
            self._began = moment
            self._ended = False

    def ask_to_stop(self) -> None:
        """Send it SIGTERM, where it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def kill(self, patience: float) -> None:
        """Give it ``patience`` seconds to end, then end it."""
        if self._process is None:
            return
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        # A group of its own: Ctrl-C in a terminal is for us, who then stop it in good order.
        self._process = subprocess.Popen(  # noqa: S603  a command of our own, an argument list
            self._command, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _note_end(self, process: subprocess.Popen[bytes], moment: float) -> None:
        self._ended = True
        if moment - self._began > _SETTLED_SECONDS:
            self._backoff.reset()
        self._wait(moment, f"the {self._what} ended (exit {process.returncode})")

    def _wait(self, moment: float, what: str) -> None:
        pause = self._backoff.pause()
        self._again_at = moment + pause
        self._say(f"{what}; it is started again in {pause:.0f} s")
