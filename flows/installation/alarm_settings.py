"""Settings of who is notified, and of who else keeps the journal's signed heads."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from flows.installation.settings_section import Section, listed

_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9-]+"
_Address = Annotated[str, Field(pattern=rf"^{_WORD}(\.{_WORD})*@{_LABEL}(\.{_LABEL})*$", max_length=254)]
"""As plain as every mail server takes it (RFC 5321, section 4.1.2): nothing in it ends a header."""


class Security(StrEnum):
    """How the connection to the mail server is secured: after the greeting, from the start, or not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class MailSettings(Section):
    """The mail server that alarms are sent by. Without ``port`` it is the one that ``security`` implies."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    sender: _Address = Field(alias="from")
    to: tuple[_Address, ...] = Field(min_length=1, max_length=50)
    security: Security = Security.STARTTLS

    @property
    def reached_at(self) -> int:
        """The port, by default that of ``security``."""
        return self.port or _PORTS[self.security]


class WebhookSettings(Section):
    """A URL that alarms are posted to, without a password."""

    url: str = Field(pattern=r"^https?://[^/@\s?#]+(/[^\s#]*)?$", max_length=2000)


class AlarmSettings(Section):
    """Who is notified. Without any channel, alarms go to the log only.

    A drop that waits for ``waiting_hours`` raises an alarm. ``contact`` stands on receipts: whom people ask.
    """

    mail: MailSettings | None = None
    webhook: tuple[WebhookSettings, ...] = Field(default=(), max_length=20)
    waiting_hours: float = Field(default=72, gt=0, le=365 * 24)
    contact: str = Field(default="", max_length=200)


class AuthoritySettings(Section):
    """A time stamping authority (RFC 3161): its URL, without a password or a query.

    ``roots`` is a PEM file of the root certificates that are trusted for it.
    """

    url: str = Field(pattern=r"^https?://[^/@\s?#]+(/[^\s?#]*)?$", max_length=2000)
    roots: Path


class WitnessSettings(Section):
    """Who else keeps the journal's signed heads, so that a rollback of database and stores shows.

    Each of ``files``, best on another machine, gets every signed head, one a line. With ``channels`` the mail
    server and the webhooks of the alarms get one a day. Each ``authority`` is asked for a time stamp a day.
    """

    files: Annotated[tuple[Path, ...], BeforeValidator(listed)] = Field(default=(), max_length=20)
    channels: bool = False
    authority: tuple[AuthoritySettings, ...] = Field(default=(), max_length=5)
