"""Waking the running service, on any machine, after the operator has changed the state of a take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from flows.installation.settings import Settings

_LISTEN_SECONDS: Final = 1.0


def wake_service(settings: Settings) -> None:
    """Have the service read its takes within two seconds. Raises nothing: unnoticed, it reads them later."""
    with suppress(OSError):
        _file(settings).touch()


def on_wake_up(settings: Settings, wake: Callable[[], object], stopped: threading.Event) -> None:
    """Call ``wake`` for each call of ``wake_service`` until ``stopped``; a file is polled, as on shares."""
    last = _touched_at(settings)
    while not stopped.wait(_LISTEN_SECONDS):
        latest = _touched_at(settings)
        if latest != last:
            last = latest
            wake()


def _file(settings: Settings) -> Path:
    return settings.state / "knock"


def _touched_at(settings: Settings) -> int:
    try:
        return _file(settings).stat().st_mtime_ns
    except OSError:
        return 0
