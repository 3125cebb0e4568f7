"""Claims: who may complete a multipart upload, on services that would replace an object doing so.

A claim is a small object of the store's own, put with ``If-None-Match``, which such services do honour
for single puts. It names the upload whose turn it is. Its holder looks whether the key is free,
completes, and gives the claim back: a matter of moments. One that is older than a minute was left by
a process that was killed or has hung: its upload is aborted first, so that it cannot complete any
more, and then the claim is taken away.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

from preservation.errors import UnavailableError
from preservation.model.paths import StoreKey, shown
from storage.stores.s3.bucket import OWN, UNLESS_THERE, Bucket
from storage.stores.s3.faults import is_absence, is_taken

CLAIMS = f"{OWN}/claims"

LIVE_SECONDS = 60.0
_SURE_SECONDS = LIVE_SECONDS / 2
"""For so long nobody can have taken a claim of ours for an abandoned one."""

_PAUSE_SECONDS = 0.5


class Claim:
    """A key that is ours to complete, since ``taken`` (on the monotonic clock)."""

    def __init__(self, store: str, key: StoreKey) -> None:
        self._store = store
        self._key = key
        self._taken = time.monotonic()

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have taken it over."""
        return time.monotonic() - self._taken < _SURE_SECONDS

    def require_sure(self) -> None:
        """Raise ``UnavailableError`` where it took so long that another may hold the claim."""
        if not self.is_sure:
            raise UnavailableError(
                f"store {self._store}: cannot create {shown(self._key)}: the service took longer than "
                f"{_SURE_SECONDS:.0f} s to say whether it is there; run it again when it is less busy"
            )


@contextmanager
def claimed(bucket: Bucket, key: StoreKey, upload: str) -> Iterator[Claim]:
    """Hold the claim on ``key`` for ``upload``, waiting for whoever holds it now. Raises ``StorageError``."""
    name = name_of(key)
    while not _put(bucket, name, upload):
        if not abandoned_was_removed(bucket, name, key):
            time.sleep(_PAUSE_SECONDS)
    claim = Claim(bucket.store, key)
    try:
        yield claim
    finally:
        # Later than that it may be another's: it is left to be found abandoned.
        if claim.is_sure:
            bucket.remove(name)


def name_of(key: StoreKey) -> str:
    """Return where the claim on ``key`` is: a name of one length, whatever the key's."""
    return f"{CLAIMS}/{hashlib.sha256(key.encode()).hexdigest()}"


def _put(bucket: Bucket, name: str, upload: str) -> bool:
    with bucket.asking("claim", name):
        try:
            bucket.client.put_object(**bucket.at(name), Body=upload.encode(), **UNLESS_THERE)
        except ClientError as error:
            if not is_taken(error):
                raise
            return False
    return True


def abandoned_was_removed(bucket: Bucket, name: str, key: StoreKey) -> bool:
    """Say whether the claim under ``name`` is gone now; one that is still young is left alone."""
    client, where = bucket.client, bucket.at(name)
    with bucket.asking("look at the claim on", key):
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
            _abort(bucket, key, upload)
        client.delete_object(**where)
    return True


def _abort(bucket: Bucket, key: StoreKey, upload: str) -> None:
    try:
        bucket.client.abort_multipart_upload(**bucket.at(key), UploadId=upload)
    except ClientError as error:
        if error.response["Error"].get("Code") != "NoSuchUpload":
            raise


def _age(modified: datetime, headers: dict[str, str]) -> float:
    """Return how old an object is in seconds, by the service's clock where it tells its time."""
    now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
    return (now - modified).total_seconds()
