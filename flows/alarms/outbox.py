"""The outbox: alarms on disk until every channel has them, and until they are closed.

An alarm is not repeated for a week. Any process may add to it. An alarm that was added is sent even if any
process is killed at any moment; a channel may then send it twice, with the same id.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from flows.alarms.alarm import CLOSED_BY_PEOPLE, NOTICES, Alarm, AlarmKind, new_alarm
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
    """An alarm and the ``channels`` that lack it. A summary counts the alarms it stands for in ``further``.

    ``told`` is when which channel had it last, ``since`` when it was first raised. It stays on record when
    no channel lacks it any more; a closed one for as long as it is not to be repeated.
    """

    alarm: Alarm
    channels: tuple[ChannelName, ...]
    further: dict[AlarmKind, int] = msgspec.field(default_factory=dict)
    told: dict[ChannelName, datetime] = msgspec.field(default_factory=dict)
    since: datetime | None = None
    closed: bool = False

    @property
    def raised_at(self) -> datetime:
        """When it was first raised."""
        return self.since or self.alarm.at


class Outbox:
    """The outbox in ``folder``, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent = folder / "told"

    def add(self, alarm: Alarm, channels: tuple[ChannelName, ...]) -> bool:
        """Store an alarm for these channels, durably; return whether it was new.

        One that was raised before and is closed, is open again.

        Raises ``OSError`` where it cannot be written.
        """
        self._sent.mkdir(parents=True, exist_ok=True)
        with self._locked("changing"):
            name = _name(alarm)
            waiting, sent = self._read(self._note(name).path), self._read(self._sent / name)
            if waiting is not None:
                if waiting.closed:
                    self._write(name, msgspec.structs.replace(waiting, closed=False))
                return False
            again = sent is not None and sent.closed
            if self._was_sent(name, alarm.at) and not (again and alarm.kind in CLOSED_BY_PEOPLE):
                if sent is not None and again:
                    self._rewrite_sent(name, msgspec.structs.replace(sent, closed=False))
                return False
            queued = Queued(alarm, channels)
            if sent is not None and not again:
                queued = msgspec.structs.replace(queued, told=sent.told, since=sent.raised_at)
            if not channels:
                self._record_sent(name, queued, alarm.at)
            elif len(self._files()) < _MOST:
                self._write(name, queued)
            else:
                self._count(alarm, channels)
                self._record_sent(name, msgspec.structs.replace(queued, channels=()), alarm.at)
        return True

    def waiting(self) -> list[Queued]:
        """Return the alarms that some channel lacks, the oldest first. Raises ``OSError``."""
        found = [queued for file in self._files() if (queued := self._read(file)) is not None]
        return sorted(found, key=lambda queued: queued.alarm.at)

    def open_alarms(self) -> list[Queued]:
        """Return the alarms that are not closed, the oldest first. Raises ``OSError``."""
        # In this order: what is delivered in between is in both.
        found = {file.stem: self._read(file) for file in self._files()}
        # Twice: where one is damaged, there is another one then, which says so.
        for file in chain.from_iterable(list(self._sent_files()) for _ in range(2)):
            if found.get(file.name) is None:
                found[file.name] = self._read(file)
        return sorted(
            (one for one in found.values() if one is not None and _is_open(one)),
            key=lambda one: one.raised_at,
        )

    def close(self, is_over: Callable[[Alarm], bool]) -> list[Alarm]:
        """Close the open alarms that are over; return them. What is still to be sent is sent.

        Raises ``OSError``.
        """
        if not any(is_over(one.alarm) for one in self.open_alarms()):
            return []
        closed = []
        with self._locked("changing"):
            for one in self.open_alarms():
                if not is_over(one.alarm):
                    continue
                name, over = _name(one.alarm), msgspec.structs.replace(one, closed=True)
                if self._note(name).exist:
                    self._write(name, over)
                else:
                    self._rewrite_sent(name, over)
                closed.append(one.alarm)
        return closed

    def record_delivery(self, delivered: Queued, channel: ChannelName, at: datetime) -> None:
        """Record that a channel has it; remove from what waits what all have. Raises ``OSError``."""
        self._without(channel, delivered, {channel: at}, at)

    def forget_channel(self, queued: Queued, channel: ChannelName, at: datetime) -> None:
        """Record that a channel that lacks it does not exist any more. Raises ``OSError``."""
        self._without(channel, queued, {}, at)

    def _without(
        self, channel: ChannelName, queued: Queued, told: dict[ChannelName, datetime], at: datetime
    ) -> None:
        name = _SUMMARY if queued.further else _name(queued.alarm)
        with self._locked("changing"):
            found = self._read(self._note(name).path)
            # A summary that counts more by now is not the one that was delivered.
            if found is None or found.further != queued.further:
                return
            left = tuple(other for other in found.channels if other != channel)
            found = msgspec.structs.replace(found, channels=left, told={**found.told, **told})
            if left:
                self._write(name, found)
                return
            if not found.further:
                self._record_sent(name, found, at)
            self._note(name).path.unlink()

    def forget(self, at: datetime) -> None:
        """Forget what was sent long ago and is not open: it can be raised again. Raises ``OSError``."""
        with self._locked("changing") if self._sent.is_dir() else nullcontext():
            for marker in self._sent_files():
                if not self._was_sent(marker.name, at):
                    record = self._read(marker)
                    if record is None or not _is_open(record):
                        marker.unlink(missing_ok=True)

    def sending(self) -> AbstractContextManager[bool]:
        """Keep other processes from sending; yield whether this process may send."""
        return self._locked("sending", wait=False)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.json"))

    def _sent_files(self) -> Iterator[Path]:
        return (file for file in self._sent.glob("*") if not file.suffix)

    def _note(self, name: str) -> Records[Queued]:
        return Records(self._folder / f"{name}.json", Queued)

    def _read(self, file: Path) -> Queued | None:
        """Return what a file records. It is empty where 0.1.0 recorded that the alarm was sent."""
        try:
            return next(iter(Records(file, Queued)), None)
        except FileNotFoundError:
            return None
        except IntegrityError:
            aside = file.with_suffix(".damaged")
            LOG.error("%s is damaged and its alarm is lost; the file is renamed to %s", file, aside.name)
            file.replace(aside)
            self._record_lost(aside)
            return None

    def _record_lost(self, aside: Path) -> None:
        """Open an alarm about one that is lost, which may have been open: nobody may take it for closed."""
        at = datetime.fromtimestamp(aside.stat().st_mtime, UTC)
        lost = new_alarm(
            AlarmKind.INTEGRITY,
            "the alarms",
            at,
            happened=f"The file of an alarm was damaged, and which it was is lost; it is kept as {aside}.",
            next_step="The log of the service names each alarm (ALARM): see to it. Then close this one.",
        )
        self._sent.mkdir(exist_ok=True)
        self._record_sent(_name(lost), Queued(lost, ()), at)

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

    def _record_sent(self, name: str, sent: Queued, at: datetime) -> None:
        marker = self._sent / name
        Records(marker, Queued).write([sent])
        os.utime(marker, (at.timestamp(), at.timestamp()))
        sync_folder(self._sent)

    def _rewrite_sent(self, name: str, sent: Queued) -> None:
        """Record it anew, as sent when it was sent."""
        self._record_sent(name, sent, datetime.fromtimestamp((self._sent / name).stat().st_mtime, UTC))

    def _locked(self, purpose: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        return locked(self._folder / f".{purpose}", wait=wait, mode=0o600)


def _name(alarm: Alarm) -> str:
    return hashlib.sha256(alarm.key.encode()).hexdigest()[:32]


def _is_open(record: Queued) -> bool:
    return not record.closed and not record.further and record.alarm.kind not in NOTICES


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
