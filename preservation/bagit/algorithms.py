"""Bag checksum algorithms (RFC 8493 section 2.4): names as manifests carry them, and what computes them.

A bag may use any algorithm, so there are more here than in ``model.digests.Algorithm``, which holds
those that Muniment itself writes. The values of that one are names of this one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NewType, TypeAlias

from preservation.bagit.manifests import MANIFEST_NAME
from preservation.files.beneath import LIST_FOLDER, opened
from preservation.fixity.digesting import ByteStream, digest_by_names
from preservation.model.digests import Algorithm, HexDigest

BagAlgorithm = NewType("BagAlgorithm", str)
"""An algorithm's name, normalized for a manifest's file name: lower case, letters and digits only."""

BagDigests: TypeAlias = dict[BagAlgorithm, HexDigest]

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


def normalized_name(name: str) -> BagAlgorithm:
    """Return ``name`` as a manifest's file name has it: ``SHA-256`` becomes ``sha256``."""
    return BagAlgorithm(_NOT_ALPHANUMERIC.sub("", name.lower()))


_HASHLIB_NAMES = {
    normalized_name(name): name
    for name in hashlib.algorithms_available
    # The digests of the shake functions have no length of their own.
    if hashlib.new(name, usedforsecurity=False).digest_size > 0
}
# The registry of RFC 6920 names them with the length of their digests.
_HASHLIB_NAMES |= {BagAlgorithm("blake2b512"): "blake2b", BagAlgorithm("blake2s256"): "blake2s"}
_QUICK: dict[BagAlgorithm, Callable[[bytes | memoryview], hashlib._Hash]] = {
    BagAlgorithm("sha1"): partial(hashlib.sha1, usedforsecurity=False),
    BagAlgorithm("sha256"): hashlib.sha256,
    BagAlgorithm("sha512"): hashlib.sha512,
}
"""What digests a few bytes in one call. MD5 is asked for by name: a system may forbid it."""


def algorithms_of_bag(bag_root: Path) -> frozenset[Algorithm]:
    """Return those of our algorithms by which the payload of the bag in ``bag_root`` is promised.

    The names of its payload manifests decide. Raises ``OSError``.
    """
    promised = payload_algorithms(bag_root)
    return frozenset(algorithm for algorithm in Algorithm if normalized_name(algorithm) in promised)


def payload_algorithms(bag_root: Path) -> frozenset[BagAlgorithm]:
    """Return by which algorithms, ours or not, a bag lists its payload. Raises ``OSError``."""
    with opened(os.fspath(bag_root), LIST_FOLDER) as folder:
        names = list(map(MANIFEST_NAME.fullmatch, os.listdir(folder)))  # noqa: PTH208  an open folder has no path
    return frozenset(normalized_name(name[2]) for name in names if name is not None and not name[1])


def hex_length(algorithm: BagAlgorithm) -> int | None:
    """Return how many hexadecimal digits a digest has, or ``None`` where hashlib cannot compute it."""
    name = _HASHLIB_NAMES.get(algorithm)
    return None if name is None else 2 * hashlib.new(name, usedforsecurity=False).digest_size


def digests_of(content: bytes | memoryview, algorithms: tuple[BagAlgorithm, ...]) -> BagDigests:
    """Return the digests of ``content``. ``algorithms`` are such as hashlib computes."""
    return {name: _digest(name, content) for name in algorithms}


def _digest(name: BagAlgorithm, content: bytes | memoryview) -> HexDigest:
    # Looking an algorithm up by its name costs as much as digesting a kilobyte.
    quick = _QUICK.get(name)
    digest = quick(content) if quick else hashlib.new(_HASHLIB_NAMES[name], content, usedforsecurity=False)
    return HexDigest(digest.hexdigest())


def digests_of_stream(
    stream: ByteStream, algorithms: tuple[BagAlgorithm, ...], buffer: bytearray
) -> tuple[int, BagDigests]:
    """Read ``stream`` to its end, once, and return its size in bytes and its digests. Raises ``OSError``."""
    return digest_by_names(stream, {name: _HASHLIB_NAMES[name] for name in algorithms}, buffer)
