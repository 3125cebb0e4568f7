"""The messages of the worker and the fork server, over a pair of sockets that keeps messages apart."""

import socket
from enum import IntEnum
from uuid import UUID

import msgspec

_MOST_BYTES = 4096
_NO_RUN = UUID(int=0)


class Kind(IntEnum):
    """The kind of a message; the first two go to the fork server, the others come from it."""

    RUN = 1
    """Begin this flow run."""
    SIGNAL = 2
    """Send the process of the run the signal whose number is the value."""
    READY = 3
    """Everything is imported."""
    STARTED = 4
    """The run has begun; the value is its process, and its process group."""
    ENDED = 5
    """The run has ended; the value is its exit status, or the negative number of the signal that ended it."""


class Message(msgspec.Struct, frozen=True):
    """One message, about one flow run."""

    kind: Kind
    run: UUID = _NO_RUN
    value: int = 0


def channel() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, message: Message) -> None:
    """Send ``message``. Raises ``OSError`` where the other end is gone."""
    end.send(msgspec.msgpack.encode(message))


def receive(end: socket.socket) -> Message | None:
    """Wait for a message and return it; ``None`` where the other end is gone."""
    try:
        packet = end.recv(_MOST_BYTES)
    except ConnectionResetError:
        # The other end closed before it had read everything.
        return None
    return msgspec.msgpack.decode(packet, type=Message) if packet else None
