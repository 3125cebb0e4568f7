"""Digests: the values. Fixity, the property, lives in ``preservation.fixity``."""

import re
from enum import StrEnum
from typing import NewType, TypeAlias

HexDigest = NewType("HexDigest", str)
"""A digest as lower-case hexadecimal text."""

_HEX = re.compile(r"[0-9a-fA-F]+")


class Algorithm(StrEnum):
    """The digest algorithms that manifests in the field name (RFC 8493 section 2.4)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


_HEX_LENGTH = {Algorithm.MD5: 32, Algorithm.SHA1: 40, Algorithm.SHA256: 64, Algorithm.SHA512: 128}

Digests: TypeAlias = dict[Algorithm, HexDigest]
"""The digests of one stream of bytes. Treated as frozen, like every value of the model."""


def parse_digest(algorithm: Algorithm, text: str) -> HexDigest:
    """Return ``text`` as a digest, in lower case (RFC 8493 section 2.4 allows either).

    Raises ``ValueError`` where it has not the algorithm's length or is not hexadecimal.
    """
    if len(text) != _HEX_LENGTH[algorithm] or _HEX.fullmatch(text) is None:
        raise ValueError(f"{text[:140]!r} is not a {algorithm.value} digest")
    return HexDigest(text.lower())


def algorithm_named(text: str) -> Algorithm | None:
    """Return the algorithm that ``text`` names, as people write it: ``SHA-256``, ``sha256``, ``MD5``."""
    try:
        return Algorithm(text.strip().lower().replace("-", "").replace("_", ""))
    except ValueError:
        return None


def algorithm_of_length(hex_length: int) -> Algorithm | None:
    """Return the algorithm whose digests have that many hexadecimal digits."""
    return next((algorithm for algorithm, length in _HEX_LENGTH.items() if length == hex_length), None)
