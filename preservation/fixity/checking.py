"""The verdict on bytes that were promised: confirmed, mismatched, or unreadable."""

from dataclasses import dataclass
from typing import TypeAlias

from preservation.fixity.digesting import ByteStream, digest_stream
from preservation.model.digests import Digests


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Every promised digest, and the promised size, were found."""

    size: int
    found: Digests


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The bytes were read, and they are not the promised ones."""

    expected_size: int | None
    expected: Digests
    size: int
    found: Digests


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The bytes could not be read to their end; nothing is known about them."""

    reason: str


FixityVerdict: TypeAlias = Confirmed | Mismatched | Unreadable


def check_stream(
    stream: ByteStream, expected: Digests, expected_size: int | None = None, buffer: bytearray | None = None
) -> FixityVerdict:
    """Read ``stream`` to its end and compare it with what was promised (``expected`` is not empty).

    Operating-system failures while reading are a verdict, not an exception: the caller asked about
    these bytes, and the answer is that they cannot be read.
    """
    try:
        size, found = digest_stream(stream, tuple(expected), buffer)
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    if found != expected or (expected_size is not None and size != expected_size):
        return Mismatched(expected_size, expected, size, found)
    return Confirmed(size, found)
