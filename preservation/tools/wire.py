"""How the pool and its workers speak: JSON with its length before it, and open files beside it."""

import os
import socket
import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from preservation.tools.limits import Limits
from preservation.tools.work import Completed, Exhausted, JobName, Json, Refused

_LENGTH = struct.Struct("!I")
_LONGEST_ANSWER = 8 << 20
"""What a worker that was taken over says is decoded to up to thirty times as much memory."""
_MOST_FILES = 200
"""Linux passes at most 253 descriptors with one message."""


class Setup(msgspec.Struct, frozen=True):
    """What a worker is given when it starts: its parent, its limits, what to import.

    ``openable`` is what its jobs open by path, ``packed``; ``None`` where they open nothing.
    """

    parent: int
    limits: Limits
    preload: tuple[str, ...]
    openable: tuple[str, ...] | None


class WorkOrder(msgspec.Struct, frozen=True):
    """One request, as it travels: the descriptors beside it are the inputs, the outputs, then pipes."""

    job: JobName
    arguments: dict[str, Json]
    inputs: int
    outputs: int
    pipes: int
    more_seconds: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker is in its cage."""


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """The worker itself cannot work: no fault of the content."""

    reason: str


class NoSpace(msgspec.Struct, frozen=True, tag="no space"):
    """The disk on which the outputs lie is full."""


Answer: TypeAlias = Ready | Completed | Refused | Exhausted | Unable | NoSpace

_encoder = msgspec.json.Encoder()
_answers = msgspec.json.Decoder(Answer)
_work_orders = msgspec.json.Decoder(WorkOrder)
_setups = msgspec.json.Decoder(Setup)


def packed(path: str) -> str:
    """Return ``path`` as it travels: its bytes, each as the character of its number; it need not be UTF-8."""
    return path if path.isascii() else os.fsencode(path).decode("latin-1")


def unpacked(text: str) -> str:
    """Return the path that travelled as ``text``."""
    return text if text.isascii() else os.fsdecode(text.encode("latin-1"))


def send_setup(channel: socket.socket, setup: Setup) -> None:
    """Send what a worker begins with. Raises ``OSError`` where it has ended already."""
    text = _encoder.encode(setup)
    channel.sendall(_LENGTH.pack(len(text)) + text)


def receive_setup(channel: socket.socket) -> Setup:
    """Wait for what to begin with. Raises ``EOFError`` where the parent has gone."""
    return _setups.decode(_exactly(channel, *_LENGTH.unpack(_exactly(channel, _LENGTH.size))))


def send_order(channel: socket.socket, order: WorkOrder, descriptors: Sequence[int]) -> None:
    """Send ``order`` with the open files. Raises ``OSError`` where the worker does not listen any more."""
    if len(descriptors) > _MOST_FILES:
        raise ValueError(f"a request can name {_MOST_FILES} files at most, not {len(descriptors)}")
    text = _encoder.encode(order)
    socket.send_fds(channel, [_LENGTH.pack(len(text))], list(descriptors))
    channel.sendall(text)


def receive_order(channel: socket.socket) -> tuple[WorkOrder, list[int]] | None:
    """Wait for the next order; ``None`` when the parent has gone."""
    header, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, _MOST_FILES)
    if not header:
        return None
    header += _exactly(channel, _LENGTH.size - len(header))
    return _work_orders.decode(_exactly(channel, *_LENGTH.unpack(header))), descriptors


def send_answer(channel: socket.socket, answer: Answer) -> None:
    """Send ``answer``. Raises ``OSError`` where the parent has gone."""
    try:
        text = _encoder.encode(answer)
    except UnicodeEncodeError as error:
        text = _encoder.encode(Refused(f"what was found is no text: {error.reason}"))
    if len(text) > _LONGEST_ANSWER:
        # What the file holds made it so long: without an answer the drop would never come to its end.
        text = _encoder.encode(
            Refused(f"what was found takes {len(text)} bytes to tell, and that is too much")
        )
    channel.sendall(_LENGTH.pack(len(text)) + text)


class AnswerReader:
    """Puts answers together from what has come so far, so that no worker can make the parent wait."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, received: bytes) -> Answer | None:
        """Take what has come; return the answer once it is whole.

        Raises ``ValueError`` for what no worker of ours says.
        """
        self._received += received
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > _LONGEST_ANSWER:
            raise ValueError("an answer that is too long")
        if len(self._received) < _LENGTH.size + length:
            return None
        try:
            answer: Answer = _answers.decode(bytes(self._received[_LENGTH.size : _LENGTH.size + length]))
        except RecursionError as error:
            raise ValueError("an answer that is nested too deeply") from error
        del self._received[: _LENGTH.size + length]
        return answer


def _exactly(channel: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        part = channel.recv(count - len(received))
        if not part:
            raise EOFError("the parent has gone in the middle of a request")
        received += part
    return bytes(received)
