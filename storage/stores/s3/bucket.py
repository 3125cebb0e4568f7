"""A bucket and its requests: the address, the client, and our keys as the bucket's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypedDict
from urllib.parse import unquote_plus, urlsplit

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader, create_loader
from botocore.session import Session as Credentials

from preservation.errors import NotFoundError, UnavailableError
from preservation.model.identifiers import StoreIdentity, StoreName, read_store_identity
from preservation.model.paths import StoreKey, printable
from storage.ports.drop_buckets import DroppedObject
from storage.ports.stores import KeptFile, has_identity, require_identity
from storage.stores.s3.faults import is_absence, is_taken, translating

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

OWN = ".muniment"
"""First segment of the keys that the store makes for itself: they are never listed."""

DEPOSIT = "muniment-deposit"
"""Metadata by which a creator knows its own object again where the answer to creating it was lost."""

_IDENTITY = StoreKey(f"{OWN}/identity")
_LONGEST_IDENTITY = 64

KEY_BYTES = 1024
"""How long a key may be, in bytes of UTF-8, on every S3 service known."""

_IN_THE_OPEN = (
    "warning: over plain http any machine on the way can read what is sent, and change it; "
    "give an endpoint_url that begins with https"
)

_ILLEGIBLE = re.compile(
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])|0*(?:[0-8]|1[12]|1[4-9]|2[0-9]|3[01]|6553[45]));"
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]",
    re.IGNORECASE,
)
"""What XML 1.0 cannot hold (its section 2.2), and services write into it all the same."""


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket is. ``prefix`` stands before every key; ``connections`` may be open at a time.

    Without ``endpoint_url`` it is Amazon's own of the ``region``. Credentials are not part of an
    address: they come from the environment or from ``profile`` in the AWS configuration files.
    """

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    profile: str | None = None
    connections: int = 16

    @property
    def is_in_the_open(self) -> bool:
        """Whether what is sent can be read and changed on the way: plain http, to another machine."""
        parts = urlsplit(self.endpoint_url or "")
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")

    @property
    def warning(self) -> str:
        """What operators are to be warned of, as the end of a sentence; empty where there is nothing."""
        return f"; {_IN_THE_OPEN}" if self.is_in_the_open else ""


class ObjectPlace(TypedDict):
    """An object as every request names it."""

    Bucket: str
    Key: str


class Condition(TypedDict, total=False):
    """What a request that creates, or one that replaces, may be bound to."""

    IfNoneMatch: str
    IfMatch: str


UNLESS_THERE: Condition = {"IfNoneMatch": "*"}
"""Create, and replace nothing (RFC 9110 section 13.1.2)."""


class Bucket:
    """A bucket that is connected to at the first request. Safe for many threads.

    ``kind`` is what messages call it before its name; ``identity`` is what a store's must have. Each request
    may raise ``StorageError``.
    """

    def __init__(
        self,
        store: StoreName,
        address: BucketAddress,
        kind: str = "store",
        identity: StoreIdentity | None = None,
    ) -> None:
        self.store = store
        self._identity = identity
        self.kind = kind
        self.address = address
        self.name = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._client: S3Client | None = None
        self._turn = Lock()

    @property
    def client(self) -> S3Client:
        """The client. Making it takes a moment, and happens once."""
        with self._turn:
            if self._client is None:
                with translating(self.store, "connect to", self.name, self.kind):
                    self._client = _connected(self.address)
            return self._client

    def object_key(self, key: str) -> str:
        """Return the object's name in the bucket for a key of ours."""
        return self._prefix + key

    def at(self, key: str) -> ObjectPlace:
        """Return how a request names the object under a key of ours."""
        return {"Bucket": self.name, "Key": self.object_key(key)}

    def asking(self, act: str, key: str) -> AbstractContextManager[None]:
        """Translate what goes wrong while the bucket is asked to do ``act`` to ``key``."""
        return translating(self.store, act, key, self.kind)

    def deposit_of(self, key: StoreKey) -> str | None:
        """Return which deposit made the object under ``key``; ``""`` if unknown, ``None`` if absent."""
        found = self.headers(key)
        return None if found is None else found["Metadata"].get(DEPOSIT, "")

    def headers(self, key: str) -> HeadObjectOutputTypeDef | None:
        """Return the headers of the object under ``key``; ``None`` if absent."""
        with self.asking("look at", key):
            try:
                return self.client.head_object(**self.at(key))
            except ClientError as error:
                if not is_absence(error):
                    raise
        return None

    def absent(self, key: StoreKey) -> NotFoundError:
        """Return the error for a key that is not there, once it is known that the bucket itself is.

        Raises ``UnavailableError`` where it is the bucket that is missing, or that was emptied or replaced:
        no file may be taken for lost.
        """
        with self.asking("look into the bucket of", key):
            try:
                self.client.head_bucket(Bucket=self.name)
            except ClientError as error:
                if is_absence(error):
                    raise UnavailableError(
                        f"{self.kind} {self.store}: there is no bucket {self.name}; make it, or mend its "
                        "name or the endpoint_url in muniment.toml; Muniment makes no bucket"
                    ) from error
                raise
        self.require_identity()
        return NotFoundError(
            f"{self.kind} {self.store}: nothing is kept under {printable(key)}; look in another store for it"
        )

    def require_identity(self, *, to_write: bool = False) -> None:
        """Raise ``UnavailableError`` where the bucket does not hold the identity of the store.

        A bucket without an identity of its own, such as that of an inbox, is not looked at, and is no store
        ``to_write`` to.
        """
        if self._identity is not None or to_write:
            found = None if self._identity is None else self.identity()
            require_identity(self.store, self._identity, found, f"s3://{self.name}/{self._prefix}")

    def identity(self) -> StoreIdentity | None:
        """Return the identity that lies in the bucket, ``None`` where there is none."""
        with self.asking("look for the identity of", self.name):
            try:
                answer = self.client.get_object(**self.at(_IDENTITY))
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
            with answer["Body"] as body:
                return read_store_identity(body.read(_LONGEST_IDENTITY))

    def give_identity(self, identity: StoreIdentity) -> None:
        """Put an identity. Raises ``AlreadyExistsError`` where an object is there already."""
        content = f"{identity}\n".encode("ascii")
        free = self.headers(_IDENTITY) is None and self.put_where_free(_IDENTITY, content)
        # Where the service honours no condition, another process may have put its own since.
        if not free or self.identity() != identity:
            raise has_identity(self.store, f"s3://{self.name}/{self.object_key(_IDENTITY)}")

    def list(self, start: str) -> Iterator[KeptFile]:
        """Yield every object whose key begins with ``start``, a page at a time, in the service's order."""
        return (KeptFile(found.key, found.size) for found in self.objects(start))

    def objects(self, start: str, at_once: int = 1000) -> Iterator[DroppedObject]:
        """Yield the same with all that a listing has about them, in pages of up to ``at_once`` objects."""
        # ListObjects, not ListObjectsV2: the second continues from a token that some services write
        # unescaped, so that a control character in a key would end the listing.
        last = ""
        while True:
            marker = last
            with self.asking("list", start or "its files"):
                page = self.client.list_objects(
                    Bucket=self.name,
                    Prefix=self.object_key(start),
                    Marker=marker,
                    EncodingType="url",
                    MaxKeys=at_once,
                )
            contents = page.get("Contents", ())
            if page["IsTruncated"] and (not contents or unquote_plus(contents[-1]["Key"]) == marker):
                raise UnavailableError(
                    f"{self.kind} {self.store}: the listing does not go on after {printable(marker)}, and "
                    "the service reports that there is more; repair the service, or use another"
                )
            for found in contents:
                last = unquote_plus(found["Key"])
                key = StoreKey(last.removeprefix(self._prefix))
                yield DroppedObject(key, found["Size"], found["ETag"].strip('"'), found["LastModified"])
            if not page["IsTruncated"]:
                return

    def abort(self, object_key: str, upload: str) -> None:
        """Abort a multipart upload of the object with that name in the bucket. Nothing there is fine."""
        with self.asking("abort the upload of", object_key):
            try:
                self.client.abort_multipart_upload(Bucket=self.name, Key=object_key, UploadId=upload)
            except ClientError as error:
                if error.response["Error"].get("Code") != "NoSuchUpload":
                    raise

    def put_where_free(self, key: str, content: bytes, act: str = "create") -> bool:
        """Put an object unless there is one; return whether the service took it. Raises ``StorageError``."""
        with self.asking(act, key):
            try:
                self.client.put_object(**self.at(key), Body=content, **UNLESS_THERE)
            except ClientError as error:
                if not is_taken(error):
                    raise
                return False
        return True

    def remove(self, key: str) -> None:
        """Remove an object. Nothing there is fine."""
        with self.asking("remove", key):
            self.client.delete_object(**self.at(key))


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


@cache
def _service_descriptions(path: str | None) -> Loader:
    """Return what reads botocore's descriptions of the service: megabytes of JSON, once in a process."""
    return create_loader(path)


def _connected(address: BucketAddress) -> S3Client:
    known = Credentials(profile=address.profile)
    # Environment and profile only: where there is no metadata service, asking it takes seconds.
    known.get_component("credential_provider").remove("iam-role")
    session = Session(botocore_session=known, region_name=address.region)
    # Afterwards, for boto3 adds a folder of its own to the loader that it finds.
    known.register_component("data_loader", _service_descriptions(known.get_config_variable("data_path")))
    client = session.client(
        "s3",
        endpoint_url=address.endpoint_url,
        # A service of one's own has no regions, but a signature has to name one.
        region_name=address.region or known.get_config_variable("region") or "us-east-1",
        config=Config(
            s3={"addressing_style": address.addressing},
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=10,
            read_timeout=60,
            tcp_keepalive=True,
            max_pool_connections=2 * address.connections,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.meta.events.register("before-parse.s3.*", _make_legible)
    client.meta.events.register_first("needs-retry.s3", _heed_retry_after)
    return client


def _heed_retry_after(response: tuple[AWSResponse, object] | None, **_: object) -> None:
    """Put the pause that the service asks for (RFC 9110 section 10.2.3) where botocore looks for it."""
    if response is not None:
        headers = response[0].headers
        seconds = headers.get("Retry-After", "")
        if seconds.isdecimal():
            headers["x-amz-retry-after"] = f"{seconds}000"


def _make_legible(response_dict: dict[str, object], **_: object) -> None:
    """Take out of an answer what no XML parser reads; the keys that matter to us come percent-encoded."""
    body = response_dict.get("body")
    if not isinstance(body, bytes):
        return
    legible = _ILLEGIBLE.sub(b"?", body)
    if legible != body:
        response_dict["body"] = legible
        if b"<Error" not in legible:
            # botocore has called the answer a failure of the service, because it could not read it.
            response_dict["status_code"] = 200
