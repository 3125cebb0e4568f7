"""What ``[alarms]`` in ``muniment.toml`` says. Secrets never stand there: see ``credentials``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9-]+"
_Address = Annotated[str, Field(pattern=rf"^{_WORD}(\.{_WORD})*@{_LABEL}(\.{_LABEL})*$", max_length=254)]
"""As plain as every mail server takes it (RFC 5321, section 4.1.2): nothing in it ends a header."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Security(StrEnum):
    """How the way to the mail server is secured: asked for after the greeting, from the start, or not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class MailSettings(_Section):
    """The mail server that alarms are handed to. Without ``port`` it is the one that ``security`` implies."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    sender: _Address = Field(alias="from")
    to: tuple[_Address, ...] = Field(min_length=1, max_length=50)
    security: Security = Security.STARTTLS

    @property
    def reached_at(self) -> int:
        """The port."""
        return self.port or _PORTS[self.security]


class WebhookSettings(_Section):
    """A URL that alarms are posted to. It must hold no password."""

    url: str = Field(pattern=r"^https?://[^/@\s?#]+(/[^\s#]*)?$", max_length=2000)


class AlarmSettings(_Section):
    """Who is told. Without any of them, alarms stand in the log alone.

    A drop that waits for ``waiting_hours`` raises an alarm.
    """

    mail: MailSettings | None = None
    webhook: tuple[WebhookSettings, ...] = Field(default=(), max_length=20)
    waiting_hours: float = Field(default=72, gt=0, le=365 * 24)
