"""Alarms by e-mail, sent through one mail server to every recipient."""

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
from flows.alarms.channels import TIMEOUT_SECONDS, ChannelName, Undelivered, secret, tls_context
from flows.installation.alarm_settings import MailSettings, Security
from flows.installation.log import LOG
from preservation.errors import ConfigurationError
from preservation.model.paths import printable

USER: Final = "MUNIMENT_SMTP_USER"
PASSWORD: Final = "MUNIMENT_SMTP_PASSWORD"  # noqa: S105  the variable's name
_LONGEST_SUBJECT: Final = 150


@dataclass(frozen=True, slots=True)
class Mail:
    """E-mail to the recipients in ``settings``; the text names ``installation``."""

    settings: MailSettings
    installation: str

    @property
    def name(self) -> ChannelName:
        """Constant, since there is one mail channel: see ``Channel``."""
        return ChannelName("mail")

    @property
    def description(self) -> str:
        """The server and the recipients: see ``Channel``."""
        return f"e-mail by {self.settings.host}:{self.settings.reached_at} to {', '.join(self.settings.to)}"

    def send(self, alarm: Alarm) -> Undelivered | None:
        """Send it: see ``Channel``. It counts as delivered when the server accepts at least one recipient."""
        return self._at_the_server(lambda server: self._hand_over(server, self._message(alarm)))

    def probe(self) -> Undelivered | None:
        """Log in: see ``Channel``."""
        return self._at_the_server(lambda server: server.noop())

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        refused = server.send_message(message)
        for address, (code, _) in refused.items():
            LOG.warning("the mail server accepts no alarms for %s (%s)", address, code)

    def _at_the_server(self, act: Callable[[smtplib.SMTP], object]) -> Undelivered | None:
        try:
            with self._server() as server:
                act(server)
        except smtplib.SMTPResponseException as error:
            return self._undelivered(f"{error.smtp_code} {_text(error.smtp_error)}")
        except smtplib.SMTPRecipientsRefused as error:
            refusals = (f"{address} ({code})" for address, (code, _) in error.recipients.items())
            return self._undelivered(f"it accepts nothing for {', '.join(refusals)}")
        except (OSError, ValueError, ConfigurationError) as error:
            return self._undelivered(str(error) or type(error).__name__)
        return None

    def _undelivered(self, reason: str) -> Undelivered:
        where = f"{self.settings.host}:{self.settings.reached_at}"
        return Undelivered(f"mail server {where}: {printable(reason)}")

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """Connect and log in. An error on closing is ignored: the message was accepted by then."""
        user, password = _login()
        host, port = self.settings.host, self.settings.reached_at
        if self.settings.security is Security.NONE and user:
            raise ConfigurationError('no password is sent in the clear: set security = "starttls" or "tls"')
        if self.settings.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=TIMEOUT_SECONDS, context=tls_context()
            )
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        try:
            if self.settings.security is Security.STARTTLS:
                server.starttls(context=tls_context())
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
        # The same each time that it is sent, so that a repeated message can be recognised.
        message["Message-ID"] = f"<{alarm.id}@{self.settings.sender.rpartition('@')[2]}>"
        # RFC 3834: automatic replies are suppressed.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text_of(alarm, self.installation), cte="quoted-printable")
        return message


def _login() -> tuple[str, str]:
    user, password = secret(USER), secret(PASSWORD)
    if bool(user) != bool(password):
        raise ConfigurationError(f"set {USER} and {PASSWORD} (or {PASSWORD}_FILE), or neither")
    if not (user + password).isascii():
        raise ConfigurationError(
            f"{USER} and {PASSWORD} must be ASCII: nothing else is sent to a mail server"
        )
    return user, password


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
