"""Buckets that drops arrive in, under one contract. A new one joins with one more line in ``PEERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from services.buckets import CEPH, SWIFT, Service, client, new_address, speak_as_the_archive
from support.memory_drop_bucket import MemoryDropBucket

from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.inboxes.s3 import S3DropBucket
from storage.ports.drop_buckets import DropBucket
from storage.stores.s3.bucket import Bucket, BucketAddress

SCANS = "scans"


@dataclass(frozen=True)
class Peer:
    """A bucket, with ``drop``, which puts an object there as somebody else does."""

    bucket: DropBucket
    drop: Callable[[str, bytes], None]

    def keys(self, start: str = "") -> list[str]:
        return [found.key for found in self.bucket.list(start)]

    def content(self, key: str) -> bytes | None:
        return self.bucket.read(StoreKey(key))


def _memory_peer() -> Peer:
    bucket = MemoryDropBucket(SCANS)
    return Peer(bucket, lambda key, content: bucket.contents.place(StoreKey(key), content))


def _s3_peer(service: Service) -> Peer:
    speak_as_the_archive(service)
    return s3_peer(new_address(service=service), service)


def s3_peer(address: BucketAddress, service: Service = CEPH) -> Peer:
    """Return the bucket at an address."""
    theirs = client(service=service)

    def drop(key: str, content: bytes) -> None:
        theirs.put_object(Bucket=address.bucket, Key=f"{address.prefix}/{key}", Body=content)

    return Peer(S3DropBucket(Bucket(StoreName(SCANS), address, "bucket inbox")), drop)


PEERS: Mapping[str, Callable[[], Peer]] = {
    "memory": _memory_peer,
    "s3 of Ceph": partial(_s3_peer, CEPH),
    "s3 of Swift": partial(_s3_peer, SWIFT),
}
