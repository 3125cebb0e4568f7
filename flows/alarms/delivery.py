"""Delivery: sends the outbox by every channel; a channel that fails is tried again later."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flows.alarms.alarm import AlarmId
from flows.alarms.channels import Channel, ChannelName, Undelivered
from flows.alarms.outbox import Outbox, Queued
from flows.installation.log import LOG
from flows.installation.wiring import now
from preservation.backoff import Backoff

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 900.0


@dataclass(slots=True)
class Delivery:
    """Sends what ``outbox`` holds.

    A channel that fails rests for a pause, which doubles up to a quarter of an hour; the others go on. The
    alarm on which it failed comes last the next time, so that one that is never accepted delays no other.
    """

    outbox: Outbox
    channels: Sequence[Channel]
    clock: Callable[[], datetime] = now
    timer: Callable[[], float] = time.monotonic
    _failing: dict[ChannelName, Backoff] = field(default_factory=dict, init=False)
    _again_at: dict[ChannelName, float] = field(default_factory=dict, init=False)
    _failed: Counter[tuple[ChannelName, AlarmId]] = field(default_factory=Counter, init=False)

    def deliver(self) -> None:
        """Send what is due, unless another process is sending. Raises ``OSError``."""
        if not self.outbox.waiting():
            return
        with self.outbox.sending() as alone:
            if not alone:
                return
            # Read again: another process may have sent some of them in the meantime.
            waiting = self.outbox.waiting()
            self._forget_former_channels(waiting)
            for channel in self.channels:
                if self.timer() >= self._again_at.get(channel.name, 0):
                    self._send_by(channel, [one for one in waiting if channel.name in one.channels])

    def _send_by(self, channel: Channel, waiting: list[Queued]) -> None:
        # The sort is stable: among those that failed as often, the oldest comes first.
        for queued in sorted(waiting, key=lambda one: self._failed[channel.name, one.alarm.id]):
            undelivered = channel.send(queued.alarm)
            if undelivered is not None:
                self._failed[channel.name, queued.alarm.id] += 1
                self._pause(channel, undelivered)
                return
            if self._failing.pop(channel.name, None) is not None:
                LOG.info("alarms are delivered again: %s", channel.description)
            self._failed.pop((channel.name, queued.alarm.id), None)
            self.outbox.record_delivery(queued, channel.name, self.clock())

    def _pause(self, channel: Channel, undelivered: Undelivered) -> None:
        if channel.name not in self._failing:
            LOG.error("an alarm was not delivered and is tried again: %s", undelivered.reason)
            self._failing[channel.name] = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._again_at[channel.name] = self.timer() + self._failing[channel.name].pause()

    def _forget_former_channels(self, waiting: list[Queued]) -> None:
        there = {channel.name for channel in self.channels}
        for queued in waiting:
            for name in queued.channels:
                if name not in there:
                    self.outbox.forget_channel(queued, name, self.clock())
