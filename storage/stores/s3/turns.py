"""Claims on services that would replace an object: whoever finds itself alone may create.

Each creator puts a mark of its own beside those of the others, and then lists them. A listing shows
every put that ended before it began, so of two creators at one moment at least one sees the other;
who sees another takes its mark away and tries again a little later. The holder sees that the key is
free, creates, and takes its mark away. A mark older than a minute was left by a killed process.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from preservation.errors import UnavailableError
from preservation.model.paths import StoreKey, shown
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.key_lock import Claim, abandoned_was_removed, name_of

_LISTED_SECONDS = 5.0
"""For so long a service may take to list a mark. The longest pause between two tries is shorter."""

_PAUSE_SECONDS = (0.05, 0.5)


@contextmanager
def alone(bucket: Bucket, key: StoreKey, upload: str = "") -> Iterator[Claim]:
    """Hold the claim on ``key``, for ``upload`` where there is one, waiting until nobody else does.

    Raises ``StorageError``.
    """
    area = f"{name_of(key)}/"
    mark = area + secrets.token_hex(8)
    while (claim := _claim(bucket, key, area, mark, upload)) is None:
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311  keeps creators apart, guards no secret
    try:
        yield claim
    finally:
        bucket.remove(mark)


def _claim(bucket: Bucket, key: StoreKey, area: str, mark: str, upload: str) -> Claim | None:
    """Put the mark where there is no other; ``None``, and no mark, where another came at that moment."""
    for other in [kept.key for kept in bucket.list(area)]:
        if not abandoned_was_removed(bucket, other, key):
            return None
    claim = Claim(bucket.store, key)
    with bucket.asking("claim", key):
        bucket.client.put_object(**bucket.at(mark), Body=upload.encode())
    try:
        if _listed_with(bucket, key, area, mark) == [mark]:
            return claim
    except BaseException:
        bucket.remove(mark)
        raise
    bucket.remove(mark)
    return None


def _listed_with(bucket: Bucket, key: StoreKey, area: str, mark: str) -> list[str]:
    """List the marks, ours among them."""
    end = time.monotonic() + _LISTED_SECONDS
    while time.monotonic() < end:
        found = [str(kept.key) for kept in bucket.list(area)]
        if mark in found:
            return found
        time.sleep(_PAUSE_SECONDS[0])
    raise UnavailableError(
        f"store {bucket.store}: cannot create {shown(key)}: the service would replace an object, and lists "
        f"what was put only later than after {_LISTED_SECONDS:.0f} s, so creators cannot be kept apart; "
        "run it again when it is less busy"
    )
