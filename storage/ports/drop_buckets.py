"""The port to a bucket that drops arrive in: what lies there is read, answered, removed, and never changed.

Depositors write to it at the same time. So each method acts on the very object that was listed: an object is
another one as soon as its ETag or its time of change is.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from preservation.fixity.digesting import ByteStream
from preservation.model.paths import StoreKey

_RESOLUTION: Final = timedelta(seconds=1)
"""A listing may give the time of change to the millisecond, an object's own headers give the second."""


@dataclass(frozen=True, slots=True)
class DroppedObject:
    """An object as it was listed. ``size`` is in bytes, ``etag`` without quotes (RFC 9110 section 8.8.3)."""

    key: StoreKey
    size: int
    etag: str
    modified: datetime

    def is_as(self, etag: str, modified: datetime) -> bool:
        """Return whether an object with that ETag and time of change is this one."""
        return etag == self.etag and abs(modified - self.modified) < _RESOLUTION


class DropBucket(Protocol):
    """A place in a bucket, with keys below it. Every peer passes ``tests/contract/test_drop_buckets.py``.

    Each method raises a ``StorageError`` that names the bucket, the key and the next step. All of them may be
    called from many threads at once.
    """

    @property
    def name(self) -> str:
        """What the settings call it."""

    @property
    def longest_key(self) -> int:
        """How long a key may be, in bytes of UTF-8."""

    def location(self, key: StoreKey) -> str:
        """Return where that is, for people: a URL."""

    def list(self, start: str) -> Iterator[DroppedObject]:
        """Yield every object whose key begins with ``start``, a page at a time. Holds no more than a page."""

    def find(self, key: StoreKey) -> DroppedObject | None:
        """Return what is under that key now, as a listing has it."""

    def open(self, dropped: DroppedObject) -> AbstractContextManager[ByteStream]:
        """Open that very object for one reading, and compare the bytes with its ETag and its checksum.

        Where these are digests of the bytes and differ, reading fails. Raises ``SourceChangedError`` where
        the object is gone or another. A failure in the midst is an ``OSError``.
        """

    def read(self, key: StoreKey) -> bytes | None:
        """Return a small object of ours, at most its first 64 KiB; ``None`` where there is none."""

    def create(self, key: StoreKey, content: bytes) -> bool:
        """Create a small object where there is none; return whether we did: of many, at most one does."""

    def put(self, key: StoreKey, source: Path, media_type: str) -> None:
        """Make the content of a file of ours the object under that key, whatever was there."""

    def copy(self, dropped: DroppedObject, key: StoreKey) -> bool:
        """Copy that very object to ``key``, inside the service; return whether it was still there.

        Raises ``IntegrityError`` where the copy is not as large, or has another ETag where these compare.
        """

    def remove(self, dropped: DroppedObject) -> bool:
        """Remove that very object; return whether it is gone now. One that is another by now stays."""

    def probe(self) -> str:
        """Try listing, creating without replacing, copying and removing; leave nothing that is listed."""
