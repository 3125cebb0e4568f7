"""What travels out of the cage while an archive is listed and unpacked there."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

import msgspec

from preservation.model.issues import Severity

_LENGTH: Final = struct.Struct("!I")
_LARGEST_PART: Final = 1 << 20
"""Bytes. What a worker that was taken over sends is held in memory part by part."""


class Listed(msgspec.Struct, frozen=True):
    """An archive as the cage found it; ``kind`` is ``None`` where it is none.

    ``bags`` and ``beside`` count the bags, and what lies beside the one; a few of each are named. ``base`` is
    the bag's folder in the archive, or else the only one at its root, with ``/`` behind it, as Latin-1 has
    its bytes. ``size`` is in bytes, unpacked. ``guessed`` names a few members of whose names the encoding is
    not known. ``is_document`` says that it is one file of some program, packed as such.
    """

    kind: str | None = None
    harmful: tuple[Found, ...] = ()
    unkeepable: tuple[Found, ...] = ()
    bags: int = 0
    named_bags: tuple[str, ...] = ()
    beside: int = 0
    named_beside: tuple[str, ...] = ()
    base: str = ""
    size: int = 0
    files: int = 0
    remarks: tuple[Found, ...] = ()
    guessed: tuple[str, ...] = ()
    is_document: bool = False


class Found(msgspec.Struct, frozen=True):
    """An issue of an archive. ``path`` is a member's, where it is one that can travel."""

    code: str
    message: str
    next_step: str
    path: str | None = None
    severity: Severity = Severity.ERROR


class Wrong(msgspec.Struct, frozen=True):
    """What is wrong with an archive that was unpacked, if anything is."""

    issue: Found | None = None


class Sent(msgspec.Struct, frozen=True):
    """A member of the archive that is sent: a folder, a file whose bytes follow, or one like ``same_as``."""

    name: bytes
    is_folder: bool = False
    modified: float | None = None
    same_as: bytes | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Sent)


class MemberSender:
    """Writes members to a pipe, in the cage."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def send(self, member: Sent, content: Iterable[bytes] = ()) -> None:
        """Send a member and, of a file, its bytes."""
        self._send(_encoder.encode(member))
        for part in content:
            self._send(part)
        self._send(b"")

    def _send(self, part: bytes) -> None:
        self._pipe.write(_LENGTH.pack(len(part)))
        self._pipe.write(part)


class SentContent:
    """The bytes of one file, as they come; read as a file is. ``most`` of them may come."""

    def __init__(self, pipe: BinaryIO, most: int) -> None:
        self._pipe = pipe
        self._left = most
        self._at_end = False

    def read(self, _: int = -1, /) -> bytes:
        """Return the next part, whatever its size, or no bytes at the end. Raises as ``received`` does."""
        part = b"" if self._at_end else _part(self._pipe)
        self._at_end = not part
        self._left -= len(part)
        if self._left < 0:
            raise ValueError("it sends more than is in the bag")
        return part


def received(pipe: BinaryIO, most: int) -> Iterator[tuple[Sent, SentContent]]:
    """Give each member with what reads its bytes, at most ``most`` of each, until the pipe ends.

    Raises ``EOFError`` where it ends in the middle of one, ``ValueError`` where no worker of ours would
    send such a thing.
    """
    while head := pipe.read(_LENGTH.size):
        try:
            member = _decoder.decode(_rest_of_part(pipe, head))
        except msgspec.MsgspecError as error:
            raise ValueError(f"no member of an archive: {error}") from error
        content = SentContent(pipe, most)
        yield member, content
        while content.read():
            pass


def _part(pipe: BinaryIO) -> bytes:
    return _rest_of_part(pipe, pipe.read(_LENGTH.size))


def _rest_of_part(pipe: BinaryIO, head: bytes) -> bytes:
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > _LARGEST_PART:
        raise ValueError("a part that is too large")
    part = pipe.read(length)
    if len(part) < length:
        raise EOFError
    return part
