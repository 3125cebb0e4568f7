"""The command of a flow run, ``python -m flows.hand``: hands the run to the worker's warm process.

Prefect's worker starts it for each run and watches it, so it behaves as the run itself would: what the run
writes comes from it, signals reach the run, and it ends as the run ended. Killed, it takes the run with it.
Where no warm process answers, it becomes the run itself, which takes some seconds to import what the warm
process has. Only the standard library is imported here, for the same reason.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from flows.handing.letter import (
    GREETING,
    HANDS_VARIABLE,
    Letter,
    address_of,
    receive_status,
    send_letter,
)
from flows.handing.unfinished import noted_as_running
from preservation.tools.kernel import die_with_parent

_PATIENCE_SECONDS = 5.0
"""So long the warm process may take to greet: it does nothing else, so it is about to be replaced."""

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_FAILED = 1


def main() -> None:
    """Run the flow run that the environment names, and end as it ends."""
    worker, _, place = os.environ.get(HANDS_VARIABLE, "").partition(" ")
    run = os.environ.get("PREFECT__FLOW_RUN_ID", "")
    if not (place and run):
        _become_engine()
    # Ctrl-C in a terminal is for the worker, which then decides what becomes of its runs.
    with suppress(PermissionError):
        os.setsid()
    die_with_parent(int(worker))
    with noted_as_running(Path(place).parent, run):
        connection = _connected(Path(place))
        if connection is None:
            _become_engine()
        _end_as(_status_of_run(connection))


def _connected(place: Path) -> socket.socket | None:
    """Return a connection to a warm process that is ready for a run, or ``None`` where there is none."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_PATIENCE_SECONDS)
    try:
        with address_of(place) as address:
            connection.connect(address)
        if connection.recv(1) == GREETING:
            connection.settimeout(None)
            return connection
    except OSError:
        pass
    connection.close()
    return None


def _status_of_run(connection: socket.socket) -> int:
    def forward(number: int, _: FrameType | None) -> None:
        with suppress(OSError):
            connection.send(bytes([number]))

    with connection:
        for number in _FORWARDED:
            signal.signal(number, forward)
        try:
            send_letter(connection, Letter(os.fsencode(Path.cwd()), dict(os.environb), (1, 2)))
            status = receive_status(connection)
        except OSError:
            status = None
    return _FAILED if status is None else status


def _end_as(status: int) -> NoReturn:
    """End with the run's exit code, or by the signal that ended it."""
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _become_engine() -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", "flows.handing.engine"])  # noqa: S606  argv list, no shell


if __name__ == "__main__":
    main()
