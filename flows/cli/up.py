"""``muniment up``: the running service."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from flows.cli.options import InstallationOption
from flows.cli.output import note

if TYPE_CHECKING:
    from flows.installation.settings import Settings
    from flows.orchestration.environment import PrefectApi
    from flows.service.supervise import Supervised

_LOOK_SECONDS = 2.0
_SILENT_LOOKS = 15
"""So many checks in a row without an answer: a busy server is given half a minute."""
_DRAIN_SECONDS = 0.2
_WATCHER_SECONDS = 10.0
"""The watcher may take so long to finish the drop that it is taking."""


def up(installation: InstallationOption = None) -> None:
    """Run the service until stopped: Prefect with its UI, a watcher of the inboxes, and a worker.

    A drop that is complete in an inbox is taken, preserved, and moved to accepted/ or rejected/.

    Prefect is the one that [prefect] api_url names, or one of the installation's own. While it is up,
    every `muniment preserve` of this installation uses it and starts without the wait for a server.

    The first Ctrl-C or SIGTERM takes no further run and lets those under way go on, for as long as
    [service] drain_seconds says; the second one ends them at once. Either way nothing is lost: what is
    not done goes on when it is up again.

    Example: muniment up -C archive
    """
    from flows.installation.settings_file import load_settings
    from flows.orchestration.server import browser_link, served

    settings = load_settings(installation)
    stops = _Stops()
    if not settings.prefect.api_url:
        note("muniment: starting Prefect, a few seconds …")
    with served(settings) as api:
        note(f"muniment: up; the UI is at {api.ui}/runs (Ctrl-C stops it)")
        if not settings.prefect.api_url:
            # Others may read the log, so it must not hold an address that admits a browser.
            way = browser_link(settings) if sys.stderr.isatty() else f"muniment ui -C {settings.directory}"
            note(f"muniment: to open it in a browser: {way}")
        _serve(settings, api, stops)
    note("muniment: stopped")


class _Stops:
    """Counts the requests to stop, by Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.count = 0
        self.first = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)

    def _count(self, *_: object) -> None:
        self.count += 1
        self.first.set()


def _serve(settings: Settings, api: PrefectApi, stops: _Stops) -> None:
    worker, watcher = (_supervised(verb, settings, api) for verb in ("worker", "watch"))
    patience = _Patience(settings, api)
    try:
        while not stops.first.is_set():
            worker.look()
            watcher.look()
            stops.first.wait(_LOOK_SECONDS)
            if not stops.first.is_set():
                patience.look()
        watcher.ask_to_stop()
        _drain(worker, stops)
        watcher.kill(_WATCHER_SECONDS)
    finally:
        worker.kill(0)
        watcher.kill(0)


class _Patience:
    """Starts the service's own Prefect again: at once where it has ended, later where it does not answer."""

    def __init__(self, settings: Settings, api: PrefectApi) -> None:
        self._settings = settings
        self._api = api
        self._silent = 0
        self._was_there = True

    def look(self) -> None:
        """Check whether it answers; to be called every ``_LOOK_SECONDS``."""
        from flows.orchestration.server import server_lives

        if self._api.answers:
            self._silent, self._was_there = 0, True
            return
        self._silent += 1
        ours = not self._settings.prefect.api_url
        # A server that ends as soon as it is started is left alone for as long as a silent one.
        has_ended = ours and self._was_there and not server_lives(self._settings)
        if not has_ended and self._silent < _SILENT_LOOKS:
            return
        note(f"muniment: Prefect at {self._api.url} {'has ended' if has_ended else 'does not answer'}")
        if ours:
            note("muniment: starting Prefect again …")
            _serve_again(self._settings)
        self._silent, self._was_there = 0, False


def _serve_again(settings: Settings) -> None:
    """Start Prefect again; a failure is printed, and the next try follows after the same silence."""
    from flows.orchestration.server import serve_again
    from preservation.errors import PreservationError

    try:
        serve_again(settings)
    except (PreservationError, OSError) as error:
        note(f"muniment: Prefect could not be started ({error}); runs go on, and it is tried again")


def _supervised(verb: str, settings: Settings, api: PrefectApi) -> Supervised:
    from flows.orchestration.environment import auth_environment
    from flows.service.supervise import Supervised

    command = [sys.executable, "-m", "flows.cli", verb, "-C", str(settings.directory)]
    environment = {**os.environ, "MUNIMENT_PREFECT__API_URL": api.url, **auth_environment(api)}
    return Supervised(verb, command, environment, lambda text: note(f"muniment: {text}"))


def _drain(worker: Supervised, stops: _Stops) -> None:
    """Pass the requests to stop on to the worker: the first lets its runs end, the second ends them."""
    passed_on = 0
    while worker.runs:
        if passed_on < stops.count:
            worker.ask_to_stop()
            passed_on += 1
        time.sleep(_DRAIN_SECONDS)
