"""What an S3 service states of its objects: the checksums that it keeps, and ETags that are a digest."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from preservation.model.digests import Algorithm, Digests, HexDigest
from preservation.model.paths import StoreKey
from preservation.pool import in_order
from storage.ports.drop_buckets import DroppedObject
from storage.ports.providers import StatedFile
from storage.ports.stores import require_sound
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.etags import is_md5, is_no_digest
from storage.stores.s3.faults import is_absence

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_SHA256: Final = 44
"""So many characters of base64 are a SHA-256; of an object in parts, ``-`` and their number follow."""


class S3Provider:
    """The ``Provider`` of the S3 store in ``bucket``. It asks the service once for each object."""

    def __init__(self, bucket: Bucket) -> None:
        self.name = bucket.store
        self._bucket = bucket

    def stated(self, prefix: StoreKey) -> Iterator[StatedFile]:
        """Yield what is stated of every object below ``prefix``: see ``Provider``."""
        require_sound(self.name, prefix)
        self._bucket.require_identity()
        threads = self._bucket.address.connections
        listed = self._bucket.objects(f"{prefix}/")
        with closing(
            in_order(self._stated, listed, threads=threads, ahead=2 * threads, name="provider")
        ) as found:
            yield from (one for one in found if one is not None)

    def _stated(self, listed: DroppedObject) -> StatedFile | None:
        """Ask about one object; ``None`` where it is gone since it was listed."""
        with self._bucket.asking("ask about", listed.key):
            try:
                answer = self._bucket.client.head_object(
                    **self._bucket.at(listed.key), ChecksumMode="ENABLED"
                )
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
        return StatedFile(listed.key, answer["ContentLength"], _digests(answer))


def _digests(answer: "HeadObjectOutputTypeDef") -> Digests:
    found: Digests = {}
    stated = answer.get("ChecksumSHA256", "")
    if len(stated) == _SHA256 and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        found[Algorithm.SHA256] = HexDigest(b64decode(stated).hex())
    etag = answer["ETag"].strip('"')
    if is_md5(etag) and not is_no_digest(answer):
        found[Algorithm.MD5] = HexDigest(etag)
    return found
