"""Key locks: which creator may make an object, on services that would let another one replace it.

Where the service honours ``If-None-Match`` for single puts and not at the end of a multipart upload, the lock
is a small object of the store's own, put with that condition. It names the upload whose turn it is. Its
holder sees that the key is free, completes, and removes the lock: a matter of moments.

Where the condition is worth nothing, each creator puts a mark of its own beside those of the others, and then
lists them. A listing shows every put that ended before it began, so of two creators at one moment at least
one sees the other; the one that sees another removes its mark and tries again a little later.

A lock or mark that is older than a minute was left by a process that was killed or has hung: its upload is
aborted first, so that it cannot complete any more, and then the lock is removed.
"""

import hashlib
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

from preservation.errors import UnavailableError
from preservation.model.paths import StoreKey, printable
from storage.stores.s3.bucket import OWN, Bucket
from storage.stores.s3.faults import is_absence

LOCKS = f"{OWN}/claims"

LIVE_SECONDS = 60.0
_SURE_SECONDS = LIVE_SECONDS / 2
"""For so long no other process can have taken a lock of ours for an abandoned one."""

_PAUSE_SECONDS = 0.5
_APART_SECONDS = (0.05, 0.5)
"""How long creators that saw each other's marks pause, each for another time."""

_LISTED_SECONDS = 5.0
"""For so long a service may take to list a mark. The longest pause between two attempts is shorter."""


class KeyLock:
    """A key that is ours to create, since now (on the monotonic clock)."""

    def __init__(self, store: str, key: StoreKey) -> None:
        self._store = store
        self._key = key
        self._since = time.monotonic()

    @property
    def is_sure(self) -> bool:
        """Whether no other process can have taken it over."""
        return time.monotonic() - self._since < _SURE_SECONDS

    def require_sure(self) -> None:
        """Raise ``UnavailableError`` where it took so long that another process may hold the lock."""
        if not self.is_sure:
            raise UnavailableError(
                f"store {self._store}: cannot create {printable(self._key)}: the service took longer than "
                f"{_SURE_SECONDS:.0f} s to answer whether it is there; run it again when it is less busy"
            )


@contextmanager
def locked_by_condition(bucket: Bucket, key: StoreKey, upload: str) -> Iterator[KeyLock]:
    """Hold the lock on ``key`` for ``upload``, waiting for another holder. Raises ``StorageError``."""
    name = name_of(key)
    while not bucket.put_where_free(name, upload.encode(), "lock"):
        if not _abandoned_was_removed(bucket, name, key):
            time.sleep(_PAUSE_SECONDS)
    lock = KeyLock(bucket.store, key)
    try:
        yield lock
    finally:
        # Later than that it may be another's: it is left to be found abandoned.
        if lock.is_sure:
            bucket.remove(name)


@contextmanager
def locked_by_marks(bucket: Bucket, key: StoreKey, upload: str = "") -> Iterator[KeyLock]:
    """Hold the lock on ``key``, for ``upload``, once no other process does. Raises ``StorageError``."""
    area = f"{name_of(key)}/"
    mark = area + secrets.token_hex(8)
    while (lock := _marked_alone(bucket, key, area, mark, upload)) is None:
        time.sleep(random.uniform(*_APART_SECONDS))  # noqa: S311  keeps creators apart, guards no secret
    try:
        yield lock
    finally:
        bucket.remove(mark)


def name_of(key: StoreKey) -> str:
    """Return where the lock on ``key`` is: a name of one length, whatever the key's."""
    return f"{LOCKS}/{hashlib.sha256(key.encode()).hexdigest()}"


def _marked_alone(bucket: Bucket, key: StoreKey, area: str, mark: str, upload: str) -> KeyLock | None:
    """Put the mark where there is no other; ``None``, and no mark, where another came at that moment."""
    for other in [kept.key for kept in bucket.list(area)]:
        if not _abandoned_was_removed(bucket, other, key):
            return None
    lock = KeyLock(bucket.store, key)
    with bucket.asking("lock", key):
        bucket.client.put_object(**bucket.at(mark), Body=upload.encode())
    with ExitStack() as undo:
        undo.callback(bucket.remove, mark)
        if _listed_with(bucket, key, area, mark) == [mark]:
            undo.pop_all()
            return lock
    return None


def _listed_with(bucket: Bucket, key: StoreKey, area: str, mark: str) -> list[str]:
    """List the marks, ours among them."""
    end = time.monotonic() + _LISTED_SECONDS
    while time.monotonic() < end:
        found = [str(kept.key) for kept in bucket.list(area)]
        if mark in found:
            return found
        time.sleep(_APART_SECONDS[0])
    raise UnavailableError(
        f"store {bucket.store}: cannot create {printable(key)}: the service would replace an object, "
        f"and lists what was put later than {_LISTED_SECONDS:.0f} s after, so creators cannot be kept apart; "
        "run it again when it is less busy"
    )


def _abandoned_was_removed(bucket: Bucket, name: str, key: StoreKey) -> bool:
    """Report whether the lock under ``name`` is gone now; one that is still young is left alone."""
    client, where = bucket.client, bucket.at(name)
    with bucket.asking("look at the lock on", key):
        try:
            found = client.get_object(**where)
        except ClientError as error:
            if is_absence(error):
                return True
            raise
        upload = found["Body"].read().decode()
        if _age(found["LastModified"], found["ResponseMetadata"]["HTTPHeaders"]) < LIVE_SECONDS:
            return False
        if upload:
            bucket.abort(bucket.object_key(key), upload)
        client.delete_object(**where)
    return True


def _age(modified: datetime, headers: dict[str, str]) -> float:
    """Return how old an object is in seconds, by the service's clock where it gives its time."""
    now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
    return (now - modified).total_seconds()
