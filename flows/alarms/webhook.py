"""Alarms by webhook: posted as JSON, signed as the Standard Webhooks specification says.

Header ``webhook-signature`` is ``v1,`` and the base64 of the HMAC-SHA256, by the shared secret, of
``webhook-id``, ``webhook-timestamp`` and the body, joined by dots. The id is the alarm's own.
"""

import binascii
import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from flows.alarms.alarm import Alarm, AlarmId, document_of
from flows.alarms.channels import TIMEOUT_SECONDS, ChannelName, Undelivered, secret, tls_context
from flows.installation.alarm_settings import WebhookSettings
from preservation.errors import ConfigurationError

SECRET: Final = "MUNIMENT_WEBHOOK_SECRET"  # noqa: S105  the variable's name
_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Webhook:
    """The URL in ``settings``; each document names ``installation``."""

    settings: WebhookSettings
    installation: str

    @property
    def name(self) -> ChannelName:
        """A digest of the URL, which may be known to few: see ``Channel``."""
        return ChannelName(f"webhook-{hashlib.sha256(self.settings.url.encode()).hexdigest()[:16]}")

    @property
    def description(self) -> str:
        """Scheme and host of the URL; its path may be a secret of the receiver: see ``Channel``."""
        return f"webhook {self._origin}"

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.settings.url)
        return f"{parts.scheme}://{parts.netloc}"

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Post it: see ``Channel``. An answer with a status of 200 to 299 means delivered."""
        # It takes longer to import than a small audit takes, and hardly any run sends an alarm.
        import httpx  # noqa: PLC0415  see above

        try:
            key = _key()
            body = msgspec.json.encode(document_of(alarm, self.installation))
            moment = int(time.time())
            headers = {
                "content-type": "application/json",
                "user-agent": "Muniment",
                "webhook-id": alarm.id,
                "webhook-timestamp": str(moment),
                "webhook-signature": signature(key, alarm.id, moment, body),
            }
            # Only the status counts; the body of the answer, which may have any length, is not read.
            with httpx.stream(
                "POST",
                self.settings.url,
                content=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                verify=tls_context(),
            ) as answer:
                if answer.is_success:
                    return None
                return Undelivered(f"{self.description} answered {answer.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The text of the error may contain the URL.
            return Undelivered(f"{self.description}: {type(error).__name__}")
        except ConfigurationError as error:
            return Undelivered(f"{self.description}: {error}")

    def probe(self) -> Undelivered | None:
        """Check that there is a secret: see ``Channel``."""
        try:
            _key()
        except ConfigurationError as error:
            return Undelivered(f"{self.description}: {error}")
        return None


def signature(key: bytes, identifier: AlarmId, moment: int, body: bytes) -> str:
    """Return the signature of ``body``, sent at ``moment`` (seconds since 1970), by the shared ``key``."""
    signed = b".".join((identifier.encode(), str(moment).encode(), body))
    return f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _key() -> bytes:
    text = secret(SECRET)
    if not text:
        raise ConfigurationError(
            f"{SECRET} (or {SECRET}_FILE) is not set here; the service has an environment of its own, so ask "
            "there too: set it as the service does, and try again"
        )
    try:
        key = b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(_PREFIX) or len(key) < _LEAST_BYTES:
        raise ConfigurationError(
            f"{SECRET} (or {SECRET}_FILE) must be {_PREFIX} and the base64 of {_LEAST_BYTES} or more bytes; "
            'make one with: echo "whsec_$(openssl rand -base64 32)"'
        )
    return key
