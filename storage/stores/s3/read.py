"""Reading one object: a stream that resumes after a connection broke, and never ends early unseen."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from preservation.errors import PreservationError, SourceChangedError
from preservation.model.paths import StoreKey, printable
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.etags import EtagDigest, is_md5, is_no_digest, parts_of, usual_part_sizes
from storage.stores.s3.faults import is_absence, is_mismatch

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_RESUMPTIONS = 3


class ObjectStream:
    """An object's bytes, read once. A failure that asking again does not mend is an ``OSError``."""

    def __init__(self, bucket: Bucket, key: StoreKey, etag: str = "") -> None:
        """Request the object; where ``etag`` is given, that very one.

        With ``etag``, the stream compares the bytes with the ETag, where that is a digest, and with the
        service's checksum, where it keeps one. Where the ETag is no digest, the stream does not resume after
        a connection broke, for no checksum covers the rest alone. Raises ``StorageError``; with ``etag``,
        ``SourceChangedError`` where the object is gone or another.
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
        self._part_size = 0
        self._digest = self._digest_for(answer) if etag else None

    @property
    def etag(self) -> str:
        """The ETag of the object whose bytes these are, as the service wrote it."""
        return self._etag

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill ``buffer`` from the start and return how many bytes were put there; 0 at the end."""
        while True:
            try:
                count: int = self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs are wrong
            except FlexibleChecksumError as error:
                raise OSError(errno.EIO, str(error)) from error
            except (BotoCoreError, OSError) as error:
                self._resume(str(error))
                continue
            if count:
                self._offset += count
                if self._digest is not None:
                    self._digest.update(memoryview(buffer)[:count])
                return count
            if self._offset == self._size:
                self._require_agreement()
                return 0
            self._resume(f"the service sent {self._offset} of {self._size} bytes")

    def _resume(self, reason: str) -> None:
        """Ask for the rest, of the very same object."""
        self._body.close()
        if self._wanted and self._digest is None:
            raise OSError(errno.EIO, f"{reason}, and nothing would show whether the rest belongs to it")
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

    def _digest_for(self, answer: GetObjectOutputTypeDef) -> EtagDigest | None:
        """Return what digests the bytes to their ETag; ``None`` where the ETag is no digest."""
        etag = self._etag.strip('"')
        if is_no_digest(answer):
            return None
        if is_md5(etag):
            return EtagDigest(etag)
        parts = parts_of(etag)
        size = self._size_of_part(1) if parts else 0
        # A service that knows no parts gives the size of the whole.
        self._part_size = size if (parts - 1) * size < self._size <= parts * size else 0
        sizes = (self._part_size,) if self._part_size else usual_part_sizes(self._size, parts)
        return EtagDigest(etag, sizes) if parts and sizes else None

    def _size_of_part(self, number: int) -> int:
        """Return how many bytes that part has; 0 where the service does not state it."""
        with self._bucket.asking("look at a part of", self._key):
            try:
                found = self._bucket.client.head_object(
                    **self._bucket.at(self._key), PartNumber=number, IfMatch=self._etag
                )
            except ClientError:
                return 0
        return found["ContentLength"]

    def _require_agreement(self) -> None:
        """Raise ``OSError`` where the bytes are others than those of the ETag, or may be after a break."""
        digest, self._digest = self._digest, None
        if digest is None or digest.agrees():
            return
        etag = self._etag.strip('"')
        if is_md5(etag) or self._has_equal_parts(parts_of(etag)):
            raise OSError(errno.EIO, "the bytes that came are not those of its ETag")
        if self._resumptions:
            raise OSError(errno.EIO, "the connection broke, and nothing shows that all of it is right")

    def _has_equal_parts(self, parts: int) -> bool:
        """Return whether all parts but the last are known to be as large as the first."""
        size = self._part_size
        return bool(size) and all(self._size_of_part(number) == size for number in range(2, parts))

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
                        f"{bucket.kind} {bucket.store}: {printable(key)} is gone, or another than was listed"
                    ) from error
                if not is_absence(error):
                    raise
        raise bucket.absent(key)
