"""Bells: files that one process touches to wake others of its installation, on shares too."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from flows.installation.settings import Settings

_LISTEN_SECONDS: Final = 1.0


class Bell:
    """A bell as one process hears it; it reads the file's time, since shares notify no process."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._last = self._rung_at()

    def ring(self) -> None:
        """Wake those that listen. Raises nothing: without the bell they look by themselves, later."""
        with suppress(OSError):
            self._place.touch()

    def rang(self) -> bool:
        """Return whether it rang since the last call."""
        last, self._last = self._last, self._rung_at()
        return self._last != last

    def listen(self, wake: Callable[[], object], stopped: threading.Event) -> None:
        """Call ``wake`` for each ring until ``stopped``."""
        while not stopped.wait(_LISTEN_SECONDS):
            if self.rang():
                wake()

    def _rung_at(self) -> int:
        try:
            return self._place.stat().st_mtime_ns
        except OSError:
            return 0


def run_bell(settings: Settings) -> Bell:
    """Return the bell by which a process that has asked Prefect for a run wakes idle workers.

    A worker that no bell wakes asks Prefect less often, which costs less at rest: a run that a user starts
    in the UI begins a little later.
    """
    return Bell(settings.state / "run-asked")


def take_bell(settings: Settings) -> Bell:
    """Return the bell by which an operator's verb has the service read its takes within two seconds."""
    return Bell(settings.state / "knock")
