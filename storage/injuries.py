"""Injuries: damage done on purpose, as disks, networks and people do it, so that repair can be rehearsed.

The same seed chooses the same injuries in a store that holds the same.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeAlias

from preservation.bagit.manifests import manifest_line
from preservation.errors import NotFoundError
from preservation.model.amounts import count
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.layout import COMMITS
from preservation.model.paths import BagPath, StoreKey
from storage.ports.injurers import Injurer
from storage.ports.stores import KeptFile, Store, opened_file

LARGEST = 64 << 20
"""Files with more bytes are only deleted: the others are held in memory while they are damaged."""

_SECTOR = 4096
_EACH = 8
"""So many files are drawn for each injury: not every file serves for every kind."""

_OF_A_VERSION = re.compile(r"([a-z0-9][^/]*/[^/]+/v[0-9]+)/(.+)", re.DOTALL)


class InjuryKind(StrEnum):
    """What is done. *Forged*: a file of the payload is altered, and all manifests are made to fit."""

    FLIPPED = "flipped"
    TRUNCATED = "truncated"
    ZEROED = "zeroed"
    SWAPPED = "swapped"
    DELETED = "deleted"
    ADDED = "added"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Injury:
    """An injury to the files under ``keys``; ``place``, from 0 up to 1, is where in the file."""

    kind: InjuryKind
    keys: tuple[StoreKey, ...]
    place: float

    @property
    def package(self) -> str:
        """The version that it is done to, as text."""
        return _version_of(self.keys[0])


def choose_injuries(store: Store, seed: int, most: int) -> list[Injury]:
    """Choose up to ``most`` injuries to packages in the store; no file is injured twice.

    Fewer where the store holds too few files. Goes through the store's list once. Raises ``StorageError``.
    """
    draw = Random(seed)  # noqa: S311  the same for the same seed, and no secret
    files = _drawn(store, draw, most * _EACH)
    kinds = list(InjuryKind)
    draw.shuffle(kinds)
    chosen: list[Injury] = []
    for number in range(most):
        kind = kinds[number % len(kinds)]
        forging = kind is InjuryKind.FORGED
        # What is forged fits together: nothing else is injured in that version.
        apart = {one.package for one in chosen if forging or one.kind is InjuryKind.FORGED}
        open_to_it = [one for one in files if _version_of(one.key) not in apart]
        if keys := _KEYS[kind](open_to_it, draw):
            chosen.append(Injury(kind, keys, draw.random()))
            files = [one for one in files if one.key not in keys]
    return chosen


def injure(store: Store, injurer: Injurer, injury: Injury) -> str:
    """Do the injury; return what was done, as the end of a sentence. Raises ``StorageError``."""
    key, *others = injury.keys
    match injury.kind:
        case InjuryKind.DELETED:
            injurer.remove(key)
            return "deleted"
        case InjuryKind.ADDED:
            injurer.write(key, b"This file was added for a rehearsal.\n")
            return "added"
        case InjuryKind.SWAPPED:
            first, second = _content(store, key), _content(store, others[0])
            injurer.write(key, second)
            injurer.write(others[0], first)
            return "swapped with each other"
        case InjuryKind.FORGED:
            content, what = _flipped(_content(store, key), injury.place)
            lists = _forge(store, injurer, key, content)
            return f"{what}, and {count(lists, 'manifest')} made to fit"
        case _:
            content, what = _CHANGES[injury.kind](_content(store, key), injury.place)
            injurer.write(key, content)
            return what


def _drawn(store: Store, draw: Random, most: int) -> list[KeptFile]:
    """Draw files of packages, each as likely as any other, while the store is listed."""
    drawn: list[KeptFile] = []
    seen = 0
    for kept in store.list():
        if _OF_A_VERSION.fullmatch(kept.key) is None:
            continue
        seen += 1
        if len(drawn) < most:
            drawn.append(kept)
        elif (at := draw.randrange(seen)) < most:
            drawn[at] = kept
    draw.shuffle(drawn)
    return drawn


_Keys: TypeAlias = tuple[StoreKey, ...]


def _one(files: Sequence[KeptFile], _: Random) -> _Keys:
    return tuple(one.key for one in files if 0 < one.size <= LARGEST)[:1]


def _any(files: Sequence[KeptFile], _: Random) -> _Keys:
    return tuple(one.key for one in files)[:1]


def _two(files: Sequence[KeptFile], _: Random) -> _Keys:
    small = [one for one in files if one.size <= LARGEST]
    # Of another size, so that they are surely different.
    return next(
        ((small[0].key, other.key) for other in small[1:] if other.size != small[0].size),
        (),
    )


def _beside(files: Sequence[KeptFile], draw: Random) -> _Keys:
    name = f"data/originals/rehearsal {draw.getrandbits(32):08x}.txt"
    return tuple(StoreKey(f"{_version_of(one.key)}/{name}") for one in files)[:1]


def _payload(files: Sequence[KeptFile], _: Random) -> _Keys:
    found = (one for one in files if "/data/" in one.key and 0 < one.size <= LARGEST)
    return tuple(one.key for one in found)[:1]


_KEYS: dict[InjuryKind, Callable[[Sequence[KeptFile], Random], _Keys]] = {
    InjuryKind.FLIPPED: _one,
    InjuryKind.TRUNCATED: _one,
    InjuryKind.ZEROED: _one,
    InjuryKind.SWAPPED: _two,
    InjuryKind.DELETED: _any,
    InjuryKind.ADDED: _beside,
    InjuryKind.FORGED: _payload,
}


def _flipped(content: bytes, place: float) -> tuple[bytes, str]:
    at = int(place * len(content))
    altered = bytearray(content)
    altered[at] ^= 1
    return bytes(altered), f"a bit flipped at byte {at:,}"


def _truncated(content: bytes, place: float) -> tuple[bytes, str]:
    size = int(place * len(content))
    return content[:size], f"cut to {size:,} of {count(len(content), 'byte')}"


def _zeroed(content: bytes, place: float) -> tuple[bytes, str]:
    start = int(place * len(content)) // _SECTOR * _SECTOR
    size = min(_SECTOR, len(content) - start)
    altered = content[:start] + bytes(size) + content[start + size :]
    # What is full of zeros already is none the worse for more of them.
    return (
        (altered, f"{count(size, 'byte')} zeroed from byte {start:,} on")
        if altered != content
        else (_flipped(content, place))
    )


_CHANGES: dict[InjuryKind, Callable[[bytes, float], tuple[bytes, str]]] = {
    InjuryKind.FLIPPED: _flipped,
    InjuryKind.TRUNCATED: _truncated,
    InjuryKind.ZEROED: _zeroed,
}


def _forge(store: Store, injurer: Injurer, key: StoreKey, content: bytes) -> int:
    """Put ``content`` in the file's place, and make the manifests and tag manifests fit; return how many."""
    version = _version_of(key)
    changes = [(key.removeprefix(f"{version}/"), _content(store, key), content)]
    injurer.write(key, content)
    for listings in ([f"manifest-{one.value}.txt" for one in Algorithm], COMMITS):
        fitted = []
        for listing, lines in _there(store, version, listings):
            algorithm = listing.partition("-")[2].removesuffix(".txt")
            fitting = lines
            for path, before, after in changes:
                old, new = (_line(algorithm, one, path) for one in (before, after))
                fitting = fitting.replace(old, new)
            if fitting != lines:
                injurer.write(StoreKey(f"{version}/{listing}"), fitting)
                fitted.append((listing, lines, fitting))
        changes += fitted
    return len(changes) - 1


def _there(store: Store, version: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        try:
            yield name, _content(store, StoreKey(f"{version}/{name}"))
        except NotFoundError:
            continue


def _line(algorithm: str, content: bytes, path: str) -> bytes:
    digest = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    return manifest_line(HexDigest(digest), BagPath(path))


def _content(store: Store, key: StoreKey) -> bytes:
    with opened_file(store, key) as file:
        return file.read()


def _version_of(key: StoreKey) -> str:
    found = _OF_A_VERSION.fullmatch(key)
    return found[1] if found else ""
