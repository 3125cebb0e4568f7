"""Who is told of alarms: a real mail server and a real HTTP server, with the faults that such have."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.alarms.mail import Mail
from flows.alarms.webhook import Webhook
from flows.installation.alarm_settings import MailSettings, Security, WebhookSettings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
USER, PASSWORD = "muniment", "correct-horse-battery"
WEBHOOK_SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
SILENT = 0


def an_alarm(about: str = "maps/sheet-012", kind: AlarmKind = AlarmKind.GIVEN_UP, **words: str) -> Alarm:
    """An alarm as the service raises one."""
    told = {"happened": "It was given up after 5 runs.", "next_step": "Mend the store.", **words}
    return new_alarm(kind, about, NOON, **told)


@dataclass
class MailServer:
    """A mail server that keeps what it is given."""

    port: int
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    def channel(self, security: Security = Security.NONE) -> Mail:
        given = {
            "host": "localhost",
            "port": self.port,
            "from": "muniment@example.org",
            "to": ["archive@example.org", "it@example.org"],
            "security": security,
        }
        return Mail(MailSettings.model_validate(given), "/srv/archive")

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802, ANN401  as aiosmtpd calls it
        self.received.append(message_from_bytes(envelope.content, policy=default))
        self.recipients.append(envelope.rcpt_tos)
        return "250 taken"


@contextmanager
def mail_server(
    security: Security = Security.NONE, certificate: Path | None = None, *, login: bool = False
) -> Iterator[MailServer]:
    """Run a mail server on localhost; with ``login`` it takes nothing from who is not logged in."""
    server = MailServer(0)
    loop = asyncio.new_event_loop()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    starttls = context if security is Security.STARTTLS else None

    def authenticated(*arguments: Any) -> AuthResult:  # noqa: ANN401  as aiosmtpd calls it
        right = arguments[-1] == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            server,
            loop=loop,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=authenticated,
            auth_required=login,
        )

    async def listen() -> asyncio.Server:
        over = context if security is Security.TLS else None
        return await loop.create_server(protocol, "127.0.0.1", 0, ssl=over)

    listening = loop.run_until_complete(listen())
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_let_go(loop))
        loop.close()


async def _let_go(loop: asyncio.AbstractEventLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Request:
    """What was posted."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that answers with one status after another, the last of them for ever."""

    port: int
    answers: list[int]
    received: list[Request] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/known-to-few"

    @property
    def channel(self) -> Webhook:
        return Webhook(WebhookSettings(url=self.url), "/srv/archive")


@contextmanager
def receiver(*answers: int) -> Iterator[Receiver]:
    """Run an HTTP server on localhost; ``SILENT`` as an answer is none."""
    running = Receiver(0, list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            running.received.append(Request(self.path, dict(self.headers), body))
            status = running.answers.pop(0) if len(running.answers) > 1 else running.answers[0]
            if status == SILENT:
                running.done.wait(60)
                return
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        running.done.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_port() -> Iterator[int]:
    """Listen, take connections, say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def make_certificate(file: Path) -> Path:
    """Write a key and its own certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    moment = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(own + certificate.public_bytes(Encoding.PEM))
    return file
