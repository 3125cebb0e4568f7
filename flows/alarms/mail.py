"""Alarms by e-mail: handed to one mail server, which brings them to everybody."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from flows.alarms.alarm import Alarm, headline, text_of
from flows.alarms.channels import PATIENCE_SECONDS, ChannelName, Undelivered, secret, trusted
from flows.installation.log import LOG
from flows.installation.settings import MailSettings, Security
from preservation.errors import ConfigurationError
from preservation.model.paths import printable

USER: Final = "MUNIMENT_SMTP_USER"
PASSWORD: Final = "MUNIMENT_SMTP_PASSWORD"  # noqa: S105  the variable's name
_LONGEST_SUBJECT: Final = 150


@dataclass(frozen=True, slots=True)
class Mail:
    """E-mail to everybody in ``settings``; ``installation`` is told in it."""

    settings: MailSettings
    installation: str

    @property
    def name(self) -> ChannelName:
        """There is one: see ``Channel``."""
        return ChannelName("mail")

    @property
    def label(self) -> str:
        """The server and those who are told: see ``Channel``."""
        return f"e-mail by {self.settings.host}:{self.settings.reached_at} to {', '.join(self.settings.to)}"

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Hand it to the server: see ``Channel``. Delivered is what the server took for at least one."""
        return self._at_the_server(lambda server: self._hand_over(server, self._message(alarm)))

    def try_out(self) -> Undelivered | None:
        """Log in: see ``Channel``."""
        return self._at_the_server(lambda server: server.noop())

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        refused = server.send_message(message)
        for address, (code, _) in refused.items():
            LOG.warning("the mail server takes no alarms for %s (%s)", address, code)

    def _at_the_server(self, act: Callable[[smtplib.SMTP], object]) -> Undelivered | None:
        try:
            with self._server() as server:
                act(server)
        except smtplib.SMTPResponseException as error:
            return self._undelivered(f"{error.smtp_code} {_text(error.smtp_error)}")
        except smtplib.SMTPRecipientsRefused as error:
            refusals = (f"{address} ({code})" for address, (code, _) in error.recipients.items())
            return self._undelivered(f"it takes nothing for {', '.join(refusals)}")
        except (OSError, ValueError, ConfigurationError) as error:
            return self._undelivered(str(error) or type(error).__name__)
        return None

    def _undelivered(self, reason: str) -> Undelivered:
        where = f"{self.settings.host}:{self.settings.reached_at}"
        return Undelivered(f"mail server {where}: {printable(reason)}")

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """Connect and log in. How the server takes its leave is no longer of interest."""
        user, password = _login()
        host, port = self.settings.host, self.settings.reached_at
        if self.settings.security is Security.NONE and user:
            raise ConfigurationError('no password is sent in the clear: set security = "starttls" or "tls"')
        if self.settings.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=PATIENCE_SECONDS, context=trusted())
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE_SECONDS)
        try:
            if self.settings.security is Security.STARTTLS:
                server.starttls(context=trusted())
            if user:
                server.login(user, password)
            yield server
            with suppress(OSError):
                server.quit()
        finally:
            server.close()

    def _message(self, alarm: Alarm) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["Subject"] = f"[Muniment] {headline(alarm)}"[:_LONGEST_SUBJECT]
        message["From"] = Address("Muniment", addr_spec=self.settings.sender)
        message["To"] = [Address(addr_spec=address) for address in self.settings.to]
        message["Date"] = format_datetime(alarm.at)
        # The same each time that it is sent: who gets it twice can tell.
        message["Message-ID"] = f"<{alarm.id}@{self.settings.sender.rpartition('@')[2]}>"
        # RFC 3834: nobody's holiday notice answers.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text_of(alarm, self.installation), cte="quoted-printable")
        return message


def _login() -> tuple[str, str]:
    user, password = secret(USER), secret(PASSWORD)
    if bool(user) != bool(password):
        raise ConfigurationError(f"set {USER} and {PASSWORD} (or {PASSWORD}_FILE), or neither")
    if not (user + password).isascii():
        raise ConfigurationError(f"{USER} and {PASSWORD} must be ASCII: no mail server is sent anything else")
    return user, password


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
