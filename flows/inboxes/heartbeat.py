"""The watcher writes a heartbeat to a small file; a stale one means that the watcher hangs or is gone."""

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
"""A sweep over a slow share may take minutes; a watcher that is silent for longer hangs."""

_NOT_WATCHED: Final = "The inboxes are not watched: start the service with muniment up"


class Heartbeat(msgspec.Struct, frozen=True):
    """``by`` swept the inboxes at ``at``, and will do so again by ``again``.

    ``since`` holds, by path, when each waiting drop was first seen, ``faults`` since when each fault lasts,
    so that a restart does not forget it.
    """

    at: datetime
    by: Process
    again: datetime
    since: dict[str, datetime]
    faults: dict[str, datetime] = {}

    def is_silent(self, at: datetime) -> bool:
        """Return whether the next sweep is so late that the watcher must hang or its machine be gone.

        One of the future was written before the clock was set back: a watcher that lives writes another.
        """
        return at - self.again > _SILENT or self.at - at > _SILENT

    @property
    def silence(self) -> str:
        """The message about a watcher that is silent."""
        return (
            f"The watcher ({self.by}) has not looked at the inboxes since {self.at:%Y-%m-%d %H:%M} UTC: it "
            "hangs, or its machine is gone; restart the service"
        )


def watcher_fault(settings: Settings, at: datetime) -> str:
    """Return why the inboxes are not watched, as far as is known here; empty where they are."""
    heartbeat = read_heartbeat(settings)
    if heartbeat is None or heartbeat.by.is_dead:
        return _NOT_WATCHED
    return heartbeat.silence if heartbeat.is_silent(at) else ""


def read_heartbeat(settings: Settings) -> Heartbeat | None:
    """Return the last heartbeat; ``None`` where there is none. Raises ``OSError``."""
    try:
        return msgspec.json.decode(_file(settings).read_bytes(), type=Heartbeat)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


class HeartbeatWriter:
    """Writes heartbeats, at most one a minute. ``steady`` is the monotonic clock of a sweep's moments."""

    def __init__(self, settings: Settings, steady: Callable[[], float] = time.monotonic) -> None:
        self._file = _file(settings)
        self._steady = steady
        self._written_at: datetime | None = None

    def write(
        self, again: Moment, since: dict[str, datetime], faults: dict[str, datetime], at: datetime
    ) -> None:
        """Record a sweep where the last heartbeat is a minute old. Raises ``OSError``."""
        if self._written_at is not None and abs(at - self._written_at) < _EVERY:
            return
        due = at + timedelta(seconds=max(0, again - self._steady()))
        with written_whole(self._file, durable=False, suffix=str(os.getpid())) as sink:
            sink.write(msgspec.json.encode(Heartbeat(at, this_process(), due, since, faults)))
        self._written_at = at


def _file(settings: Settings) -> Path:
    return settings.state / "watching.json"
