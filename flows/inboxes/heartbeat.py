"""A sign of life of whoever watches the inboxes, in a small file: the process of one that hangs lives."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from flows.installation.processes import Process, this_process
from flows.installation.settings import Settings
from preservation.files.durable import written_whole
from preservation.settling.settle import Moment

_EVERY: Final = timedelta(minutes=1)
_SILENT: Final = timedelta(minutes=15)
"""A sweep over a slow share may take minutes; whoever is silent for longer hangs."""

_NOBODY: Final = "Nobody watches the inboxes: start the service with muniment up"


class Beat(msgspec.Struct, frozen=True):
    """A sign of life: ``by`` swept the inboxes at ``at``, and does so again by ``again``.

    ``since`` says of everything that waits when it was first seen, ``faults`` of all that fails since when it
    does, so that a restart does not forget it.
    """

    at: datetime
    by: Process
    again: datetime
    since: dict[str, datetime]
    faults: dict[str, datetime] = {}

    def is_silent(self, at: datetime) -> bool:
        """Say whether the next sweep is so late that the watcher hangs, or its machine is gone."""
        return at - self.again > _SILENT

    @property
    def silence(self) -> str:
        """What is told of a watcher that is silent."""
        return (
            f"The watcher ({self.by}) has not looked at the inboxes since {self.at:%Y-%m-%d %H:%M} UTC: it "
            "hangs, or its machine is gone; restart the service"
        )


def watcher_fault(settings: Settings, at: datetime) -> str:
    """Say why nobody looks at the inboxes, as far as is known here; empty where somebody does."""
    beat = read_beat(settings)
    if beat is None or beat.by.is_dead:
        return _NOBODY
    return beat.silence if beat.is_silent(at) else ""


def read_beat(settings: Settings) -> Beat | None:
    """Return the last sign of life; ``None`` where nobody ever gave one. Raises ``OSError``."""
    try:
        return msgspec.json.decode(_file(settings).read_bytes(), type=Beat)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


class Heartbeat:
    """Beats, at most once a minute. ``steady`` is the clock that the moments of a sweep are of."""

    def __init__(self, settings: Settings, steady: Callable[[], float] = time.monotonic) -> None:
        self._file = _file(settings)
        self._steady = steady
        self._beaten: datetime | None = None

    def beat(
        self, again: Moment, since: dict[str, datetime], faults: dict[str, datetime], at: datetime
    ) -> None:
        """Note that a sweep is done, where the last note is a minute old. Raises ``OSError``."""
        if self._beaten is not None and abs(at - self._beaten) < _EVERY:
            return
        due = at + timedelta(seconds=max(0, again - self._steady()))
        with written_whole(self._file, durable=False, suffix=str(os.getpid())) as sink:
            sink.write(msgspec.json.encode(Beat(at, this_process(), due, since, faults)))
        self._beaten = at


def _file(settings: Settings) -> Path:
    return settings.state / "watching.json"
