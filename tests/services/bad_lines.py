"""A bad line: a proxy between a client and a service that does one thing wrong, or speaks TLS for it."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import cast
from urllib.parse import urlsplit


@dataclass
class Exchange:
    """A request and, once the service has been asked, its answer."""

    method: str
    path: str
    body: bytes
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    answer: bytes = b""


class LineBrokenError(Exception):
    """The line breaks, before the request has come through or after so many bytes of the answer."""

    def __init__(self, answered: int | None = None) -> None:
        super().__init__(answered)
        self.answered = answered


@dataclass
class Line:
    """What happens on the way. ``asked`` may change a request or break off; ``answered`` an answer.

    ``asked`` returns an answer of its own where the service shall not be asked.
    """

    url: str = ""
    asked: Callable[[Exchange], bool] = lambda _: False
    answered: Callable[[Exchange], None] = lambda _: None


@contextmanager
def line_to(service: str, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """Open a line to the service at the URL; with ``tls`` it is spoken to in TLS."""
    line = Line()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.line, server.service = line, urlsplit(service).netloc
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    line.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def times(count: int) -> Callable[[], bool]:
    """Return what says yes so many times, and then no."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    line: Line
    service: str

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Nagle's algorithm and delayed acknowledgements would cost 40 ms a request.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(1 << 16)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        server = cast("_Server", self.server)
        self.wfile.flush()
        exchange = Exchange(
            self.command, self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        )
        try:
            if not server.line.asked(exchange):
                self._ask(server.service, exchange)
                server.line.answered(exchange)
            self._answer(exchange, None)
        except LineBrokenError as broken:
            if broken.answered is not None:
                self._answer(exchange, broken.answered)
            self._reset()

    def _ask(self, service: str, exchange: Exchange) -> None:
        with closing(http.client.HTTPConnection(service, timeout=60)) as asking:
            try:
                asking.putrequest(exchange.method, exchange.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in {"expect", "connection"}:
                        asking.putheader(name, value)
                asking.endheaders(exchange.body)
                found = asking.getresponse()
                exchange.status, exchange.headers = found.status, found.getheaders()
                exchange.answer = found.read()
            except (OSError, http.client.HTTPException) as gone:
                raise LineBrokenError from gone

    def _answer(self, exchange: Exchange, most: int | None) -> None:
        self.send_response_only(exchange.status)
        told = {name.lower() for name, _ in exchange.headers}
        for name, value in exchange.headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        if "content-length" not in told:
            self.send_header("Content-Length", str(len(exchange.answer)))
        self.end_headers()
        self.wfile.write(exchange.answer[:most])
        self.wfile.flush()

    def _reset(self) -> None:
        """End the connection as a machine does that lost its memory: with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
