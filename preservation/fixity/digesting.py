"""One read, many digests."""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from preservation.files.beneath import open_plain_file
from preservation.model.digests import Algorithm, Digests, HexDigest

BUFFER_BYTES = 1 << 20

Name = TypeVar("Name", bound=str)

_NEW = {algorithm: getattr(hashlib, algorithm.value) for algorithm in Algorithm}
"""Ten times faster than to look each up by its name."""


class _Hash(Protocol):
    """A digest that is being made, as hashlib makes it."""

    def update(self, data: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


class ByteStream(Protocol):
    """Anything bytes can be read from into a buffer of ours."""

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """Fill ``buffer`` from the start and return how many bytes were put there; 0 at the end."""


def digest_stream(
    stream: ByteStream, algorithms: Collection[Algorithm], buffer: bytearray | None = None
) -> tuple[int, Digests]:
    """Read ``stream`` to its end, once, and return its size in bytes and its digests.

    hashlib lets other threads run while it digests large buffers. ``buffer`` may be handed in, to be
    used again for many small files.
    """
    hashes = {algorithm: _NEW[algorithm](usedforsecurity=False) for algorithm in algorithms}
    return _digested(stream, hashes, buffer if buffer is not None else bytearray(BUFFER_BYTES))


def digest_by_names(
    stream: ByteStream, names: Mapping[Name, str], buffer: bytearray
) -> tuple[int, dict[Name, HexDigest]]:
    """Read ``stream`` like ``digest_stream``, by the algorithms to which hashlib gives these ``names``."""
    return _digested(
        stream, {key: hashlib.new(name, usedforsecurity=False) for key, name in names.items()}, buffer
    )


def _digested(
    stream: ByteStream, hashes: Mapping[Name, _Hash], buffer: bytearray
) -> tuple[int, dict[Name, HexDigest]]:
    window = memoryview(buffer)
    size = 0
    while count := stream.readinto(window):
        size += count
        chunk = window[:count]
        for digest in hashes.values():
            digest.update(chunk)
    return size, {key: HexDigest(digest.hexdigest()) for key, digest in hashes.items()}


def digest_file(path: Path, algorithms: Collection[Algorithm]) -> tuple[int, Digests]:
    """Read the file at ``path``, which no link leads to, once; return its size in bytes and its digests.

    Raises ``OSError``.
    """
    with os.fdopen(open_plain_file(path), "rb", buffering=0) as stream:
        return digest_stream(stream, algorithms)


def digest_bytes(content: bytes | memoryview, algorithms: Collection[Algorithm]) -> Digests:
    """Return the digests of ``content``."""
    return {
        algorithm: HexDigest(_NEW[algorithm](content, usedforsecurity=False).hexdigest())
        for algorithm in algorithms
    }


def digest_chunks(chunks: Iterable[bytes], algorithms: Collection[Algorithm]) -> tuple[int, Digests]:
    """Return the size and the digests of all ``chunks`` together."""
    hashes = {algorithm: hashlib.new(algorithm.value, usedforsecurity=False) for algorithm in algorithms}
    size = 0
    for chunk in chunks:
        size += len(chunk)
        for digest in hashes.values():
            digest.update(chunk)
    return size, {algorithm: HexDigest(digest.hexdigest()) for algorithm, digest in hashes.items()}
