"""Finding out whether a service honours ``If-None-Match: *``: it is tried, for many accept and ignore it."""

from __future__ import annotations

from http import HTTPStatus

from botocore.exceptions import ClientError

from storage.stores.s3_bucket import OWN, UNLESS_THERE, Bucket
from storage.stores.s3_faults import is_taken, status_of

_MARK = f"{OWN}/mark"
_SAID = b"Muniment keeps packages here. This object shows whether the service refuses to replace one.\n"


def refuses_to_replace(bucket: Bucket) -> bool:
    """Say whether a put with ``If-None-Match: *`` leaves an object alone. Raises ``StorageError``.

    Leaves the mark by which it was tried, always the same, so that nothing has to be removed again.
    """
    return not (_put_mark(bucket) and _put_mark(bucket))


def refuses_to_replace_in_parts(bucket: Bucket) -> bool:
    """Say the same of the end of a multipart upload, once the mark is there. Raises ``StorageError``."""
    client, where = bucket.client, bucket.at(_MARK)
    with bucket.asking("try a multipart upload of", _MARK):
        upload = client.create_multipart_upload(**where)["UploadId"]
        part = client.upload_part(**where, UploadId=upload, PartNumber=1, Body=_SAID)
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


def _put_mark(bucket: Bucket) -> bool:
    """Put the mark where it is not there; say whether the service took it, condition or not."""
    with bucket.asking("create", _MARK):
        try:
            bucket.client.put_object(**bucket.at(_MARK), Body=_SAID, **UNLESS_THERE)
        except ClientError as error:
            if is_taken(error):
                return False
            if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
                return True
            raise
    return True
