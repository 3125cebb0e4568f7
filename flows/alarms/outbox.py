"""The outbox: alarms on disk until every channel has them. An alarm is not repeated for a week.

Any process may add to it. An alarm that was added is sent even if any process is killed at any moment; a
channel may then send it twice, with the same id.
"""

import hashlib
import os
from collections import Counter
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.alarms.channels import ChannelName
from flows.installation.log import LOG
from preservation.errors import IntegrityError
from preservation.files.durable import sync_folder
from preservation.files.lock import locked
from preservation.records import Records

_MOST: Final = 50
"""So many alarms are queued one by one; further ones are counted in a summary."""

_REPEATED_AFTER: Final = timedelta(days=7)
_SUMMARY: Final = "further"


class Queued(msgspec.Struct, frozen=True):
    """An alarm and the channels that lack it. A summary counts the alarms it stands for in ``further``."""

    alarm: Alarm
    channels: tuple[ChannelName, ...]
    further: dict[AlarmKind, int] = msgspec.field(default_factory=dict)


class Outbox:
    """The outbox in ``folder``, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent = folder / "told"

    def add(self, alarm: Alarm, channels: tuple[ChannelName, ...]) -> bool:
        """Store an alarm for these channels, durably; return whether it was new.

        Raises ``OSError`` where it cannot be written.
        """
        self._sent.mkdir(parents=True, exist_ok=True)
        with self._locked("changing"):
            name = _name(alarm)
            if self._note(name).exist or self._was_sent(name, alarm.at):
                return False
            if len(self._files()) < _MOST:
                self._write(name, Queued(alarm, channels))
            else:
                self._count(alarm, channels)
                self._record_sent(name, alarm.at)
        return True

    def waiting(self) -> list[Queued]:
        """Return the alarms that some channel lacks, the oldest first. Raises ``OSError``."""
        found = [queued for file in self._files() if (queued := self._read(file)) is not None]
        return sorted(found, key=lambda queued: queued.alarm.at)

    def record_delivery(self, delivered: Queued, channel: ChannelName, at: datetime) -> None:
        """Record that a channel has it, or no longer exists; remove what all have. Raises ``OSError``."""
        name = _SUMMARY if delivered.further else _name(delivered.alarm)
        with self._locked("changing"):
            found = self._read(self._note(name).path)
            # A summary that counts more by now is not the one that was delivered.
            if found is None or found.further != delivered.further:
                return
            left = tuple(other for other in found.channels if other != channel)
            if left:
                self._write(name, msgspec.structs.replace(found, channels=left))
                return
            if not found.further:
                self._record_sent(name, at)
            self._note(name).path.unlink()

    def forget(self, at: datetime) -> None:
        """Forget alarms that were sent long ago: if still true, they are raised again. Raises ``OSError``."""
        if not self._sent.is_dir():
            return
        with self._locked("changing"):
            for marker in self._sent.iterdir():
                if not self._was_sent(marker.name, at):
                    marker.unlink()

    def sending(self) -> AbstractContextManager[bool]:
        """Keep other processes from sending; yield whether this process may send."""
        return self._locked("sending", wait=False)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.json"))

    def _note(self, name: str) -> Records[Queued]:
        return Records(self._folder / f"{name}.json", Queued)

    def _read(self, file: Path) -> Queued | None:
        try:
            return next(iter(Records(file, Queued)), None)
        except FileNotFoundError:
            return None
        except IntegrityError:
            aside = file.with_suffix(".damaged")
            LOG.error("%s is damaged and its alarm is lost; the file is renamed to %s", file, aside.name)
            file.replace(aside)
            return None

    def _write(self, name: str, queued: Queued) -> None:
        self._note(name).write([queued])
        sync_folder(self._folder)

    def _count(self, alarm: Alarm, channels: tuple[ChannelName, ...]) -> None:
        """Count an alarm in the summary."""
        before = self._read(self._note(_SUMMARY).path)
        further = Counter(before.further if before else {})
        further[alarm.kind] += 1
        self._write(_SUMMARY, Queued(_summary(further, alarm.at), channels, dict(further)))

    def _was_sent(self, name: str, at: datetime) -> bool:
        try:
            sent = (self._sent / name).stat().st_mtime
        except FileNotFoundError:
            return False
        # A time in the future was recorded before the clock was set back.
        return abs(at.timestamp() - sent) < _REPEATED_AFTER.total_seconds()

    def _record_sent(self, name: str, at: datetime) -> None:
        marker = self._sent / name
        marker.touch()
        os.utime(marker, (at.timestamp(), at.timestamp()))

    def _locked(self, purpose: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        return locked(self._folder / f".{purpose}", wait=wait, mode=0o600)


def _name(alarm: Alarm) -> str:
    return hashlib.sha256(alarm.key.encode()).hexdigest()[:32]


def _summary(further: Counter[AlarmKind], at: datetime) -> Alarm:
    counts = ", ".join(f"{number:,} {kind}" for kind, number in further.most_common())
    return new_alarm(
        AlarmKind.TOO_MANY,
        f"{further.total():,} alarms",
        at,
        happened=f"While {_MOST} alarms waited to be sent, more were raised: {counts}.",
        next_step="Run muniment status, and read the log of the service, which names each of them.",
        key=_SUMMARY,
    )
