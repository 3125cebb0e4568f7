"""Channels: the ways an alarm goes out. Which there are is what the settings say."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType, Protocol

from flows.alarms.alarm import Alarm
from preservation.errors import ConfigurationError
from preservation.model.paths import printable


def secret(variable: str) -> str:
    """Return the secret in ``variable``, or in the file that ``<variable>_FILE`` names; empty for none.

    It is read each time, so that it can be changed while the service runs. Raises ``ConfigurationError``
    where that file cannot be read.
    """
    file = os.environ.get(f"{variable}_FILE", "")
    if not file:
        return os.environ.get(variable, "")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"{variable}_FILE: {printable(file)} cannot be read ({reason}); let the service read it"
        ) from error


ChannelName = NewType("ChannelName", str)
"""Names a channel in the outbox; it gives no secret away."""

PATIENCE_SECONDS: Final = 10.0
"""For so long whoever is at the other end may be silent."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It did not get through, or it is not known that it did. ``reason`` has no secret in it."""

    reason: str


class Channel(Protocol):
    """A way out. ``label`` is what operators know it by."""

    @property
    def name(self) -> ChannelName:
        """Its name in the outbox: the same as long as it leads to the same place."""

    @property
    def label(self) -> str:
        """Its name for people."""

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Send the alarm; return why that failed. Raises nothing."""

    def try_out(self) -> Undelivered | None:
        """Go as far as is possible without telling anybody anything; return what failed. Raises nothing."""


def trusted() -> ssl.SSLContext:
    """Return what certificates are checked with: what the system trusts, and who runs it added."""
    return ssl.create_default_context()
