"""A client of clamd, ClamAV's daemon: what it is, and whether it finds something in a stream (clamd(8)).

A connection a stream: clamd's sessions (IDSESSION) were measured to save nothing on a Unix socket, and a
quarter over TCP with files of 2 kB and next to no signatures; they would add numbers to keep track of, and
its timeouts for a session that has nothing to send for a while.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from preservation.model.paths import LocalPath, printable, quoted
from preservation.model.viruses import NoScanner, ScannerRelease
from preservation.tools.clamd_answers import (
    Lost,
    NoAnswer,
    Passed,
    Silent,
    StreamAnswer,
    Unreachable,
    release_answer,
    stream_answer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ANSWER_BYTES: Final = 16 << 10
_SMALL_TALK_SECONDS: Final = 30.0
_PORTS: Final = range(1, 1 << 16)


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: LocalPath

    def __str__(self) -> str:
        return f"unix:{printable(self.path)}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A port of a machine. What is sent there is not encrypted, and clamd asks no client for a password."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.host}:{self.port}"


ClamdAddress: TypeAlias = UnixAddress | TcpAddress


def clamd_address(text: str) -> ClamdAddress:
    """Read ``unix:/run/clamav/clamd.ctl`` or ``tcp:scanner.example.org:3310``. Raises ``ValueError``."""
    kind, _, place = text.partition(":")
    if kind == "unix" and place.startswith("/"):
        return UnixAddress(LocalPath(place))
    host, _, port = place.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) in _PORTS:
        return TcpAddress(host.strip("[]"), int(port))
    raise ValueError(
        f"{quoted(text)} is no address of clamd; write unix:/run/clamav/clamd.ctl or tcp:HOST:3310"
    )


class _NoAnswerError(Exception):
    """The conversation broke off; ``why`` says how."""

    def __init__(self, why: NoAnswer) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd at ``address``. Any number of threads may use it at once.

    ``seconds`` is how long it may take to let us in, to take a piece of a stream, or to answer: more than
    its own MaxScanTime.
    """

    address: ClamdAddress
    seconds: float

    def release(self) -> ScannerRelease | NoScanner:
        """Ask what it is, and how old its signatures are."""
        try:
            with self._connected(min(self.seconds, _SMALL_TALK_SECONDS)) as connection:
                connection.sendall(b"zVERSION\0")
                text = _answer(connection)
        except _NoAnswerError as error:
            return NoScanner(f"{self.address}: {reason_of(error.why)}")
        release = release_answer(text)
        return release or NoScanner(f"{self.address} answers {quoted(text)}, which is not what clamd would")

    def stream(self, chunks: Iterable[bytes | memoryview]) -> StreamAnswer:
        """Have it look at a stream, which is held no longer than it takes to send each chunk.

        Raises what ``chunks`` raises, which must be no ``OSError``; clamd then forgets what it was sent.
        """
        try:
            with self._connected(self.seconds) as connection:
                sent = False
                # It answers before the end where the stream is too long, and takes no more.
                with suppress(ConnectionError):
                    _send(connection, chunks)
                    sent = True
                answer = stream_answer(_answer(connection))
                # A scanner cannot pass what it did not get.
                return Lost("before it had all") if isinstance(answer, Passed) and not sent else answer
        except _NoAnswerError as error:
            return error.why

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[socket.socket]:
        """Give a connection. Raises ``_NoAnswerError`` for all that goes wrong with it."""
        try:
            connection = self._connect(seconds)
        except TimeoutError as error:
            raise _NoAnswerError(Silent(seconds)) from error
        except OSError as error:
            raise _NoAnswerError(Unreachable(error.strerror or str(error))) from error
        with connection:
            try:
                yield connection
            except TimeoutError as error:
                raise _NoAnswerError(Silent(seconds)) from error
            except OSError as error:
                raise _NoAnswerError(Lost(error.strerror or str(error))) from error

    def _connect(self, seconds: float) -> socket.socket:
        match self.address:
            case TcpAddress(host, port):
                connection = socket.create_connection((host, port), seconds)
                # The four bytes that end a stream would otherwise wait for what was sent before them.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            case UnixAddress(path):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.settimeout(seconds)
                    connection.connect(path)
                except OSError:
                    connection.close()
                    raise
                return connection


def reason_of(why: NoAnswer) -> str:
    """Say, to go on after the name of what was asked, why there is no answer."""
    match why:
        case Unreachable(detail):
            return f"clamd cannot be reached ({detail})"
        case Silent(seconds):
            return f"clamd was silent for {seconds:g} seconds"
        case Lost(detail):
            return f"clamd broke off ({detail})"


def _send(connection: socket.socket, chunks: Iterable[bytes | memoryview]) -> None:
    # A small file goes in one piece with the command before it.
    command = b"zINSTREAM\0"
    for chunk in chunks:
        if chunk:
            connection.sendall(b"".join((command, struct.pack("!I", len(chunk)), chunk)))
            command = b""
    connection.sendall(command + bytes(4))


def _answer(connection: socket.socket) -> str:
    """Read to the NUL that ends an answer. Raises ``ConnectionError`` where the connection ends before."""
    text = b""
    while not text.endswith(b"\0"):
        piece = connection.recv(_ANSWER_BYTES)
        if not piece or len(text) > _ANSWER_BYTES:
            raise ConnectionError("the connection ended before its answer")
        text += piece
    return text[:-1].decode("utf-8", "backslashreplace")
