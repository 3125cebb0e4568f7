"""``muniment up``: serve the installation's Prefect."""

from __future__ import annotations

import signal
import threading

import typer

from flows.cli.options import InstallationOption
from flows.cli.output import note

_LOOK_SECONDS = 5
_SILENT_LOOKS = 6
"""So many looks in a row without an answer: a busy server is given half a minute."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(up)


def up(installation: InstallationOption = None) -> None:
    """Serve the installation's Prefect API and UI until stopped, so that people see what ran and runs.

    While it is up, every `muniment preserve` of this installation uses it and starts without the wait
    for a server of its own. Ctrl-C or SIGTERM stops it.

    Example: muniment up -C archive
    """
    from flows.serving import served
    from flows.settings import load_settings
    from preservation.errors import UnavailableError

    settings = load_settings(installation)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    note("muniment: starting Prefect, a few seconds …")
    with served(settings) as api:
        note(f"muniment: up; the UI is at {api.ui}/runs (Ctrl-C stops it)")
        silent = 0
        while not stopped.wait(_LOOK_SECONDS):
            silent = 0 if api.answers else silent + 1
            if silent == _SILENT_LOOKS:
                raise UnavailableError(
                    f"Prefect at {api.url} stopped answering; {settings.state}/prefect/server.log says why"
                )
    note("muniment: stopped")
