"""Channels: the ways in which an alarm is sent, as the settings configure them."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType, Protocol

from flows.alarms.alarm import Alarm
from preservation.errors import ConfigurationError
from preservation.model.paths import printable


def secret(variable: str) -> str:
    """Return the secret in ``variable`` or in the file that ``<variable>_FILE`` names, or ``""``.

    The secret is read each time, so that it can be changed while the service runs. Raises
    ``ConfigurationError`` where that file cannot be read.
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
"""Names a channel in the outbox; it contains no secret."""

TIMEOUT_SECONDS: Final = 10.0
"""How long a server may be silent before the attempt counts as failed."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The alarm was not delivered, or that is not known. ``reason`` contains no secret."""

    reason: str


class Channel(Protocol):
    """A way to send alarms. ``description`` is its name for operators."""

    @property
    def name(self) -> ChannelName:
        """Its name in the outbox: the same as long as the destination is the same."""

    @property
    def description(self) -> str:
        """Its name for operators."""

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Send the alarm; return why that failed, if it failed. Raises nothing."""

    def probe(self) -> Undelivered | None:
        """Try all that is possible without sending an alarm; return what failed. Raises nothing."""


def tls_context() -> ssl.SSLContext:
    """Return the TLS context of the system's certificate store, to which the operator can add."""
    return ssl.create_default_context()
