"""Reading one object: as a stream that goes on where a connection broke, and never ends early unseen."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from preservation.errors import PreservationError, SourceChangedError
from preservation.model.paths import StoreKey, shown
from storage.stores.s3_bucket import Bucket
from storage.stores.s3_faults import is_absence, is_mismatch

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_RESUMPTIONS = 3


class ObjectStream:
    """An object's bytes, read once. A failure that asking again does not mend is an ``OSError``."""

    def __init__(self, bucket: Bucket, key: StoreKey, etag: str = "") -> None:
        """Ask for the object, the very one with ``etag`` where that is given.

        With it, a checksum that the service keeps is held against the bytes. Raises ``NotFoundError`` or
        another ``StorageError``; with ``etag``, ``SourceChangedError`` where it is gone or another.
        """
        self._bucket = bucket
        self._key = key
        self._offset = 0
        self._resumptions = 0
        self._wanted = etag
        answer = self._asked()
        self._body = answer["Body"]
        self._size = answer["ContentLength"]
        self._etag = answer["ETag"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._body.close()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill ``buffer`` from the start and return how many bytes were put there; 0 at the end."""
        while True:
            try:
                count: int = self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs are wrong
            except (BotoCoreError, OSError) as error:
                self._resume(str(error))
                continue
            if count or self._offset == self._size:
                self._offset += count
                return count
            self._resume(f"the service sent {self._offset} of {self._size} bytes")

    def _resume(self, reason: str) -> None:
        """Ask for the rest, of the very same object."""
        self._body.close()
        self._resumptions += 1
        if self._resumptions > _RESUMPTIONS:
            raise OSError(errno.EIO, reason)
        try:
            answer = self._asked(rest=True)
        except PreservationError as error:
            raise OSError(errno.EIO, str(error)) from error
        self._body = answer["Body"]
        if answer["ContentLength"] != self._size - self._offset:
            raise OSError(errno.EIO, f"{reason}, and then sent other bytes than were asked for")

    def _asked(self, *, rest: bool = False) -> GetObjectOutputTypeDef:
        bucket, key = self._bucket, self._key
        with bucket.asking("open", key):
            try:
                if rest:
                    return bucket.client.get_object(
                        **bucket.at(key), Range=f"bytes={self._offset}-", IfMatch=self._etag
                    )
                if self._wanted:
                    return bucket.client.get_object(
                        **bucket.at(key), IfMatch=self._wanted, ChecksumMode="ENABLED"
                    )
                return bucket.client.get_object(**bucket.at(key))
            except ClientError as error:
                if self._wanted and (is_mismatch(error) or is_absence(error)):
                    raise SourceChangedError(
                        f"{bucket.kind} {bucket.store}: {shown(key)} is gone, or another than was listed"
                    ) from error
                if not is_absence(error):
                    raise
        raise bucket.absent(key)
