"""What goes between a hand and the warm process, over a Unix socket.

The warm process greets; the hand answers with a letter: the environment and the folder that the run is to
have, and with it the two files to write to. Then signals go one way, a byte each, and at the end the exit
status comes back. Only the standard library: the hand must start at once.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HANDS_VARIABLE = "MUNIMENT_HANDS"
"""Names, to the commands that a worker starts, its process and its socket, with a blank between."""

GREETING = b"\1"
_LENGTH = struct.Struct("!Q")
_STATUS = struct.Struct("!i")
_OUTPUTS = 2
_LONGEST = 16 << 20
_END = b"\0"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a run is given. ``outputs`` are the descriptors of its standard output and standard error."""

    directory: bytes
    environment: dict[bytes, bytes]
    outputs: tuple[int, int]


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Give an address for the socket at ``path`` that is short enough for ``sun_path``, ``unix(7)``."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def send_letter(connection: socket.socket, letter: Letter) -> None:
    """Send the letter, and the descriptors with it. Raises ``OSError``."""
    entries = [letter.directory, *(name + b"=" + value for name, value in letter.environment.items())]
    body = _END.join(entries)
    socket.send_fds(connection, [_LENGTH.pack(len(body))], letter.outputs)
    connection.sendall(body)


def receive_letter(connection: socket.socket) -> Letter | None:
    """Return the letter, or ``None`` where the hand has gone or says nothing that could be one.

    The descriptors are the receiver's to close. Raises ``OSError``.
    """
    head, outputs, _, _ = socket.recv_fds(connection, _LENGTH.size, _OUTPUTS)
    body = b""
    if len(head) == _LENGTH.size and len(outputs) == _OUTPUTS:
        (length,) = _LENGTH.unpack(head)
        body = _received(connection, length) if length <= _LONGEST else b""
    if not body:
        for descriptor in outputs:
            os.close(descriptor)
        return None
    directory, *entries = body.split(_END)
    environment = dict(entry.split(b"=", 1) for entry in entries)
    return Letter(directory, environment, (outputs[0], outputs[1]))


def status_told(status: int) -> bytes:
    """Return the message that says how the run ended: its exit code, or the negative of a signal."""
    return _STATUS.pack(status)


def receive_status(connection: socket.socket) -> int | None:
    """Wait for the run's end; return how it ended, or ``None`` where the warm process went with it."""
    message = _received(connection, _STATUS.size)
    return int(_STATUS.unpack(message)[0]) if message else None


def _received(connection: socket.socket, length: int) -> bytes:
    """Return that many bytes, or none where the other side has gone before."""
    content = bytearray()
    while len(content) < length:
        part = connection.recv(min(length - len(content), 1 << 16))
        if not part:
            return b""
        content += part
    return bytes(content)
