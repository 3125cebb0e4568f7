"""Removing what killed runs left in a bucket: the parts of uploads, and key locks."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from preservation.errors import DeniedError
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.key_lock import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator

_STALE = timedelta(days=1)


def clear_leftovers(bucket: Bucket, now: datetime | None = None) -> int:
    """Abort the multipart uploads, and remove the key locks, that are older than a day; return how many.

    Parts of an upload that never ended are listed nowhere and paid for all the same. Where this
    access key may not look for them, they are left to the bucket's lifecycle rules.
    """
    before = (now or datetime.now(UTC)) - _STALE
    cleared = 0
    # Uploads first: the holder of a lock cannot complete any more once nothing is left of its upload.
    with suppress(DeniedError):
        for object_key, upload, begun in _uploads(bucket):
            if begun < before:
                bucket.abort(object_key, upload)
                cleared += 1
    with suppress(DeniedError):
        for lock in bucket.list(f"{LOCKS}/"):
            found = bucket.headers(lock.key)
            # Its holder may have removed it meanwhile.
            if found is not None and found["LastModified"] < before:
                bucket.remove(lock.key)
                cleared += 1
    return cleared


def _uploads(bucket: Bucket) -> Iterator[tuple[str, str, datetime]]:
    """Yield object key, upload and beginning of each multipart upload that was not ended."""
    key_marker = upload_marker = ""
    while True:
        with bucket.asking("list the unfinished uploads of", bucket.name):
            page = bucket.client.list_multipart_uploads(
                Bucket=bucket.name,
                Prefix=bucket.object_key(""),
                KeyMarker=key_marker,
                UploadIdMarker=upload_marker,
                EncodingType="url",
            )
        for upload in page.get("Uploads", ()):
            key_marker, upload_marker = unquote_plus(upload["Key"]), upload["UploadId"]
            yield key_marker, upload_marker, upload["Initiated"]
        if not page["IsTruncated"]:
            return
