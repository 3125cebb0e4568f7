"""Channels: the ways an alarm goes out. Which there are is what the settings say."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final, NewType, Protocol

from flows.alarms.alarm import Alarm

ChannelName = NewType("ChannelName", str)
"""Names a channel in the outbox; it gives no secret away."""

PATIENCE_SECONDS: Final = 10.0
"""For so long whoever is at the other end may be silent."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It did not get through, or it is not known that it did. ``reason`` has no secret in it."""

    reason: str


class Channel(Protocol):
    """A way out. ``shown`` is what operators know it by."""

    @property
    def name(self) -> ChannelName:
        """Its name in the outbox: the same as long as it leads to the same place."""

    @property
    def shown(self) -> str:
        """Its name for people."""

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Send the alarm; return why that failed. Raises nothing."""

    def try_out(self) -> Undelivered | None:
        """Go as far as is possible without telling anybody anything; return what failed. Raises nothing."""


def trusted() -> ssl.SSLContext:
    """Return what certificates are checked with: what the system trusts, and who runs it added."""
    return ssl.create_default_context()
