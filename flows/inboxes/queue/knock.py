"""Telling the running service, on whatever machine it is, that a person has changed how a take stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from flows.installation.settings import Settings

_LISTEN_SECONDS: Final = 1.0


def knock(settings: Settings) -> None:
    """Have the service look at its takes within two seconds. Raises nothing: unheard, it looks later."""
    with suppress(OSError):
        _door(settings).touch()


def listen(settings: Settings, heard: Callable[[], object], stopped: threading.Event) -> None:
    """Call ``heard`` for every knock until ``stopped``: a file is asked for, since shares notify nobody."""
    last = _knocked_at(settings)
    while not stopped.wait(_LISTEN_SECONDS):
        latest = _knocked_at(settings)
        if latest != last:
            last = latest
            heard()


def _door(settings: Settings) -> Path:
    return settings.state / "knock"


def _knocked_at(settings: Settings) -> int:
    try:
        return _door(settings).stat().st_mtime_ns
    except OSError:
        return 0
