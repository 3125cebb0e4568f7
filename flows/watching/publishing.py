"""What waits in the inboxes, in one small file, for whoever asks how things stand."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.processes import Process, this_process
from flows.settings import Settings
from flows.watching.inbox import Swept
from preservation.model.paths import shown

_MOST_NAMED: Final = 200


class WaitingDrop(msgspec.Struct, frozen=True):
    """A drop that is not complete, and why. ``path`` is as people can be shown it."""

    collection: str
    path: str
    files: int
    bytes: int
    reason: str
    sentence: str


class PassedOverEntry(msgspec.Struct, frozen=True):
    """What lies in an inbox and is not taken, or an inbox that is not watched, and why."""

    path: str
    sentence: str


class Inboxes(msgspec.Struct, frozen=True):
    """What waits. Where very much does, the first of it is named, and all of it is counted.

    ``by`` is the service that looked; where that is dead nobody watches.
    """

    at: datetime
    by: Process
    waiting: int
    files: int
    bytes: int
    drops: tuple[WaitingDrop, ...]
    passed_over: tuple[PassedOverEntry, ...]
    faults: tuple[PassedOverEntry, ...]


def read_inboxes(settings: Settings) -> Inboxes | None:
    """Return what the watching service said last; ``None`` where none ever did."""
    try:
        return msgspec.json.decode(_file(settings).read_bytes(), type=Inboxes)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


class Publisher:
    """Writes what waits, where it is another than before."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._file = _file(settings)
        self._clock = clock
        self._said: Inboxes | None = None

    def publish(self, swept: Swept) -> None:
        """Write what the sweep found. Raises ``OSError``."""
        told = _told(swept, self._clock())
        if self._said is not None and msgspec.structs.replace(told, at=self._said.at) == self._said:
            return
        partial = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        partial.write_bytes(msgspec.json.encode(told))
        partial.replace(self._file)
        self._said = told


def _file(settings: Settings) -> Path:
    return settings.state / "inboxes.json"


def _told(swept: Swept, at: datetime) -> Inboxes:
    return Inboxes(
        at=at,
        by=this_process(),
        waiting=len(swept.waiting),
        files=sum(drop.files for drop in swept.waiting),
        bytes=sum(drop.bytes for drop in swept.waiting),
        drops=tuple(
            WaitingDrop(
                drop.collection,
                shown(str(drop.path)),
                drop.files,
                drop.bytes,
                drop.reason.value,
                drop.sentence,
            )
            for drop in swept.waiting[:_MOST_NAMED]
        ),
        passed_over=tuple(
            PassedOverEntry(shown(str(entry.path)), entry.sentence)
            for entry in swept.passed_over[:_MOST_NAMED]
        ),
        faults=tuple(PassedOverEntry(shown(str(fault.path)), fault.sentence) for fault in swept.faults),
    )
