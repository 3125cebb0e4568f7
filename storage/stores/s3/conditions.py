"""Whether a service honours ``If-None-Match: *`` and ``If-Match``: it is tried, for many do so in part."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from storage.stores.s3.bucket import OWN, UNLESS_THERE, Bucket
from storage.stores.s3.faults import is_mismatch, is_taken, status_of

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

_MARK = f"{OWN}/mark"
_NO_ETAG = hashlib.md5(b"", usedforsecurity=False).hexdigest()
"""No ETag of the mark."""

_CONTENT = b"Muniment keeps packages here. This object shows whether the service refuses to replace one.\n"


def refuses_to_replace(bucket: Bucket) -> bool:
    """Return whether a put with ``If-None-Match: *`` leaves an object alone, also one that came meanwhile.

    Leaves the mark by which it was tried, always the same, so that it need not be removed again. Raises
    ``StorageError``.
    """
    if _put_mark(bucket) and _put_mark(bucket):
        return False
    return _refuses_at_the_end(bucket)


def refuses_to_replace_in_parts(bucket: Bucket) -> bool:
    """Return the same for the end of a multipart upload, once the mark is there. Raises ``StorageError``."""
    client, where = bucket.client, bucket.at(_MARK)
    with bucket.asking("try a multipart upload of", _MARK):
        upload = client.create_multipart_upload(**where)["UploadId"]
        part = client.upload_part(**where, UploadId=upload, PartNumber=1, Body=_CONTENT)
        try:
            client.complete_multipart_upload(
                **where,
                UploadId=upload,
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
                **UNLESS_THERE,
            )
        except ClientError as error:
            client.abort_multipart_upload(**where, UploadId=upload)
            if not is_taken(error):
                raise
            return True
    return False


class EtagForm(StrEnum):
    """How an ETag stands in If-Match: in quotes, as RFC 9110 has it, or bare, as some services want it."""

    QUOTED = "quoted"
    BARE = "bare"


def written(etag: str, form: EtagForm) -> str:
    """Return an ETag as it stands in If-Match."""
    bare = etag.strip('"')
    return bare if form is EtagForm.BARE else f'"{bare}"'


def honoured_etag_form(bucket: Bucket) -> EtagForm | None:
    """Return how the service wants an ETag in If-Match; ``None`` where a put of another ETag replaces, too.

    Tried on the mark, which stays as it is. A service that compares the text with its own, without quotes,
    refuses every ETag that is written as RFC 9110 has it. Raises ``StorageError``.
    """
    _put_mark(bucket)
    found = bucket.headers(_MARK)
    if found is None:
        return None
    for form in EtagForm:
        if _replaces(bucket, written(_NO_ETAG, form)):
            return None
        if _replaces(bucket, written(found["ETag"], form)):
            return form
    return None


def _replaces(bucket: Bucket, etag: str) -> bool:
    """Put the mark with If-Match; return whether the service took it, or knows no such condition."""
    with bucket.asking("replace", _MARK):
        try:
            bucket.client.put_object(**bucket.at(_MARK), Body=_CONTENT, IfMatch=etag)
        except ClientError as error:
            if is_mismatch(error):
                return False
            if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
                return True
            raise
    return True


def _refuses_at_the_end(bucket: Bucket) -> bool:
    """Return whether the condition holds when an object is made, and not only when its request begins.

    Two puts of one key are laid into each other: the second is sent, and ends, when the service has seen
    the first one's condition and none of its bytes. Some services then take both.
    """
    where = bucket.at(f"{OWN}/race-{secrets.token_hex(8)}")
    body = _Interrupted(lambda: bucket.client.put_object(**where, Body=_CONTENT, **UNLESS_THERE))

    def arm(request: AWSPreparedRequest, **_: object) -> None:
        # Before that, it is read to be signed.
        body.is_armed = body.is_armed or request.body is body

    with bucket.asking("race for", where["Key"]):
        events = bucket.client.meta.events
        events.register("before-send.s3.PutObject", arm)
        try:
            bucket.client.put_object(**where, Body=cast("IO[bytes]", body), **UNLESS_THERE)
        except ClientError as error:
            if not is_taken(error):
                raise
            return True
        finally:
            events.unregister("before-send.s3.PutObject", arm)
            bucket.client.delete_object(**where)
    return False


class _Interrupted(io.BytesIO):
    """What is sent, with ``meanwhile`` done once before the first byte of it goes out."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(_CONTENT)
        self.is_armed = False
        self._meanwhile: Callable[[], object] | None = meanwhile

    def read(self, size: int | None = -1, /) -> bytes:
        if self.is_armed and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return super().read(size)


def _put_mark(bucket: Bucket) -> bool:
    """Put the mark where it is not there; return whether the service took it, condition or not."""
    with bucket.asking("create", _MARK):
        try:
            bucket.client.put_object(**bucket.at(_MARK), Body=_CONTENT, **UNLESS_THERE)
        except ClientError as error:
            if is_taken(error):
                return False
            if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
                return True
            raise
    return True
