"""A bucket of drops on any S3 service. Whether it honours conditions is tried, not assumed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from preservation.errors import DeniedError, IntegrityError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.paths import StoreKey, printable
from storage.ports.drop_buckets import DroppedObject
from storage.stores.s3.bucket import KEY_BYTES, OWN, Bucket
from storage.stores.s3.conditions import refuses_to_replace
from storage.stores.s3.etags import is_md5
from storage.stores.s3.faults import is_absence, is_mismatch, status_of
from storage.stores.s3.key_lock import locked_by_marks
from storage.stores.s3.read import ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, HeadObjectOutputTypeDef

_IN_PARTS: Final = 256 << 20
"""From so many bytes on, a copy is made in parts: one request may take only so long (and S3: 5 GiB)."""

_MOST_READ: Final = 64 << 10


class S3DropBucket:
    """The place below the prefix of ``bucket``. Nothing is connected to before the first call."""

    def __init__(self, bucket: Bucket) -> None:
        self.name = str(bucket.store)
        self._bucket = bucket

    @property
    def longest_key(self) -> int:
        """Return what S3 allows, less the prefix."""
        return KEY_BYTES - len(self._bucket.object_key("").encode())

    def location(self, key: StoreKey) -> str:
        """Return the ``s3://`` URL."""
        return f"s3://{self._bucket.name}/{self._bucket.object_key(key)}"

    def list(self, start: str) -> Iterator[DroppedObject]:
        """Yield what begins so: see ``DropBucket``."""
        return (found for found in self._bucket.objects(start) if not found.key.startswith("."))

    def find(self, key: StoreKey) -> DroppedObject | None:
        """Return what is there: see ``DropBucket``. Of all that begins so, the key itself is listed first."""
        first = next(self._bucket.objects(key, at_once=1), None)
        return first if first is not None and first.key == key else None

    def open(self, dropped: DroppedObject) -> AbstractContextManager[ByteStream]:
        """Open that very object: see ``DropBucket``."""
        return ObjectStream(self._bucket, dropped.key, etag=f'"{dropped.etag}"')

    def read(self, key: StoreKey) -> bytes | None:
        """Return what is there: see ``DropBucket``."""
        with self._bucket.asking("read", key):
            try:
                found = self._bucket.client.get_object(**self._bucket.at(key))
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
            try:
                return found["Body"].read(_MOST_READ)
            except OSError as error:
                raise UnavailableError(
                    f"bucket inbox {self.name}: {printable(key)} cannot be read to its end ({error}); try "
                    "again"
                ) from error

    def create(self, key: StoreKey, content: bytes) -> bool:
        """Create it where there is none: see ``DropBucket``."""
        if self._refuses_to_replace:
            # It may be ours: an answer was lost, and botocore sent it again.
            return self._bucket.put_where_free(key, content) or self.read(key) == content
        with locked_by_marks(self._bucket, key) as lock:
            if self.find(key) is not None:
                return False
            lock.require_sure()
            with self._bucket.asking("create", key):
                self._bucket.client.put_object(**self._bucket.at(key), Body=content)
            return True

    def put(self, key: StoreKey, source: Path, media_type: str) -> None:
        """Put it there: see ``DropBucket``."""
        with self._bucket.asking("put", key):
            try:
                self._bucket.client.upload_file(
                    str(source), **self._bucket.at(key), ExtraArgs={"ContentType": media_type}
                )
            except S3UploadFailedError as error:
                raise UnavailableError(
                    f"bucket inbox {self.name}: cannot put {printable(key)} ({error}); it is tried again"
                ) from error

    def copy(self, dropped: DroppedObject, key: StoreKey) -> bool:
        """Copy that very object: see ``DropBucket``."""
        client = self._bucket.client
        source: CopySourceTypeDef = {"Bucket": self._bucket.name, "Key": self._bucket.object_key(dropped.key)}
        with self._bucket.asking("copy", dropped.key):
            try:
                if dropped.size < _IN_PARTS:
                    client.copy_object(
                        **self._bucket.at(key), CopySource=source, CopySourceIfMatch=f'"{dropped.etag}"'
                    )
                else:
                    client.copy(
                        source,
                        **self._bucket.at(key),
                        ExtraArgs={"CopySourceIfMatch": f'"{dropped.etag}"'},
                        Config=TransferConfig(multipart_threshold=_IN_PARTS, multipart_chunksize=_IN_PARTS),
                    )
            except ClientError as error:
                if is_absence(error) or is_mismatch(error):
                    return False
                raise
        return self._is_copied(dropped, key)

    def remove(self, dropped: DroppedObject) -> bool:
        """Remove that very object: see ``DropBucket``. Asked first: many services know no such condition."""
        found = self._bucket.headers(dropped.key)
        if found is None:
            return True
        if not _is(dropped, found):
            return False
        with self._bucket.asking("remove", dropped.key):
            try:
                self._bucket.client.delete_object(**self._bucket.at(dropped.key), IfMatch=f'"{dropped.etag}"')
            except ClientError as error:
                if is_mismatch(error):
                    return False
                if status_of(error) != HTTPStatus.NOT_IMPLEMENTED:
                    raise
                self._bucket.remove(dropped.key)
        return True

    def probe(self) -> str:
        """List, create without replacing, copy and remove objects of our own: see ``DropBucket``."""
        area = f"{OWN}/probe-{secrets.token_hex(8)}"
        first, second = StoreKey(f"{area}/first"), StoreKey(f"{area}/second")
        conditional = self._refuses_to_replace
        try:
            if not self.create(first, b"first") or self.create(first, b"other"):
                raise DeniedError(
                    f"bucket inbox {self.name}: the service replaces what it is asked to leave alone, so "
                    "two services could take one drop; use a bucket of another service"
                )
            found = self.find(first)
            if found is None or not self.copy(found, second) or not self.remove(found):
                raise DeniedError(
                    f"bucket inbox {self.name}: an object that was just put is not listed, copied and "
                    "removed as it should be; use a bucket of another service"
                )
        finally:
            for key in (first, second):
                self._bucket.remove(key)
        kept_apart = "the service itself" if conditional else "marks in the bucket"
        place = f"s3://{self._bucket.name}: services on one inbox are kept apart by {kept_apart}"
        return place + self._bucket.address.warning

    @cached_property
    def _refuses_to_replace(self) -> bool:
        return refuses_to_replace(self._bucket)

    def _is_copied(self, dropped: DroppedObject, key: StoreKey) -> bool:
        """Return whether the copy is of that object; some services copy whatever is there by then."""
        copy = self._bucket.headers(key)
        same_size = copy is not None and copy["ContentLength"] == dropped.size
        etag = "" if copy is None else copy["ETag"].strip('"')
        if same_size and etag == dropped.etag:
            return True
        source = self._bucket.headers(dropped.key)
        if source is None or not _is(dropped, source):
            self._bucket.remove(key)
            return False
        # In parts, or encrypted with a key of its own, a copy has an ETag of its own.
        comparable = is_md5(etag) and is_md5(dropped.etag) and "SSEKMSKeyId" not in (copy or {})
        if same_size and not comparable:
            return True
        raise IntegrityError(
            f"bucket inbox {self.name}: the copy {printable(key)} is not what {printable(dropped.key)} is; "
            "it is made again; where it happens again, use a bucket of another service"
        )


def _is(dropped: DroppedObject, found: HeadObjectOutputTypeDef) -> bool:
    return dropped.is_as(found["ETag"].strip('"'), found["LastModified"])
