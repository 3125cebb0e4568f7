"""Damage as copying and storing do it, at places that a seed chooses: what was whole is no longer."""

from __future__ import annotations

import random
from collections.abc import Callable

_BLOCK = 4096
_SECTOR = 512


def _cut(content: bytes, at: random.Random) -> bytes:
    return content[: at.randrange(len(content) // 10, len(content) * 9 // 10)]


def _missing(content: bytes, at: random.Random) -> bytes:
    size = min(_BLOCK, len(content) // 3)
    place = at.randrange(len(content) // 10, len(content) - size)
    return content[:place] + content[place + size :]


def _zeroed(content: bytes, at: random.Random) -> bytes:
    size = min(_SECTOR, len(content) // 3)
    place = at.randrange(len(content) // 20, len(content) - size)
    return content[:place] + bytes(size) + content[place + size :]


def _overwritten(content: bytes, at: random.Random) -> bytes:
    place = at.randrange(len(content) // 20, len(content) - 64)
    return content[:place] + at.randbytes(64) + content[place + 64 :]


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": _cut,
    "missing block": _missing,
    "zeroed sector": _zeroed,
    "64 random bytes": _overwritten,
}


def damaged(content: bytes, kind: str, seed: object) -> bytes:
    """The content, damaged in that way; the same for the same seed."""
    return KINDS[kind](content, random.Random(f"{kind} {seed}"))  # noqa: S311  the same damage again, no secret


def noise(size: int, seed: int) -> bytes:
    """So many bytes that mean nothing, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311  likewise
