"""A bucket of drops in memory: the S3 adapter's peer under the contract suite, and the tests' own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

from preservation.errors import SourceChangedError
from preservation.fixity.digesting import ByteStream
from preservation.model.paths import StoreKey, path_order, printable
from storage.ports.drop_buckets import DroppedObject

KEY_BYTES: Final = 1024


@dataclass(slots=True)
class Contents:
    """What is in the bucket. One thread changes it at a time."""

    objects: dict[StoreKey, tuple[DroppedObject, bytes]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    def place(self, key: StoreKey, content: bytes) -> None:
        """Make that the object under ``key``."""
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.objects[key] = DroppedObject(key, len(content), etag, datetime.now(UTC)), content


class MemoryDropBucket:
    """Keeps objects for as long as the process lives; several share ``contents``."""

    def __init__(self, name: str, contents: Contents | None = None) -> None:
        self.name = name
        self.contents = contents or Contents()

    @property
    def longest_key(self) -> int:
        """As long as it may be with S3."""
        return KEY_BYTES

    def location(self, key: StoreKey) -> str:
        """Return a URL that only this process knows the meaning of."""
        return f"memory://{self.name}/{key}"

    def list(self, start: str) -> Iterator[DroppedObject]:
        """Yield what begins so: see ``DropBucket``."""
        with self.contents.turn:
            found = [one for key, (one, _) in self.contents.objects.items() if key.startswith(start)]
        yield from sorted(found, key=lambda one: path_order(one.key))

    def find(self, key: StoreKey) -> DroppedObject | None:
        """Return what is there: see ``DropBucket``."""
        found = self.contents.objects.get(key)
        return None if found is None else found[0]

    def open(self, dropped: DroppedObject) -> AbstractContextManager[ByteStream]:
        """Open that very object: see ``DropBucket``."""
        found = self.contents.objects.get(dropped.key)
        if found is None or found[0].etag != dropped.etag:
            raise SourceChangedError(
                f"bucket inbox {self.name}: {printable(dropped.key)} is gone, or another than was listed"
            )
        return io.BytesIO(found[1])

    def read(self, key: StoreKey) -> bytes | None:
        """Return what is there: see ``DropBucket``."""
        found = self.contents.objects.get(key)
        return None if found is None else found[1]

    def create(self, key: StoreKey, content: bytes) -> bool:
        """Create it where there is none: see ``DropBucket``."""
        with self.contents.turn:
            if key in self.contents.objects:
                return False
            self.contents.place(key, content)
            return True

    def put(self, key: StoreKey, source: Path, media_type: str) -> None:
        """Put it there: see ``DropBucket``."""
        del media_type
        with self.contents.turn:
            self.contents.place(key, source.read_bytes())

    def copy(self, dropped: DroppedObject, key: StoreKey) -> bool:
        """Copy that very object: see ``DropBucket``."""
        with self.contents.turn:
            found = self.contents.objects.get(dropped.key)
            if found is None or found[0].etag != dropped.etag:
                return False
            self.contents.place(key, found[1])
            return True

    def remove(self, dropped: DroppedObject) -> bool:
        """Remove that very object: see ``DropBucket``."""
        with self.contents.turn:
            found = self.contents.objects.get(dropped.key)
            if found is not None and not dropped.is_as(found[0].etag, found[0].modified):
                return False
            self.contents.objects.pop(dropped.key, None)
            return True

    def probe(self) -> str:
        """Memory has nothing to be tried out: see ``DropBucket``."""
        return "memory of this process"
