"""Buckets on the tests' own S3 service, and stores in them."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
import ceph

from preservation.model.identifiers import StoreName
from storage.ports.stores import SiteName, StorePlace
from storage.stores.s3 import S3Store
from storage.stores.s3_bucket import Bucket, BucketAddress
from storage.stores.s3_sending import Sizes

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

NAME = StoreName("first")
PLACE = StorePlace(SiteName("there"), "Ceph", "object store")

SMALL_SIZES = Sizes(in_parts=6 << 20, part=5 << 20)
"""The smallest parts that a service takes, so that tests of parts need no large files."""


def speak_as_the_archive() -> None:
    """Put the keys of the user who owns the buckets where a store looks for them."""
    os.environ.update(ceph.ARCHIVE.environment)


def client(keys: ceph.Keys = ceph.ARCHIVE) -> S3Client:
    """Return a client of the tests' own, for what a store cannot and must not do."""
    return boto3.client(
        "s3",
        endpoint_url=ceph.gateway().url,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        region_name="us-east-1",
    )


@cache
def session_bucket() -> str:
    """Return the bucket that this process makes for its tests."""
    name = ceph.new_name("tests")
    client().create_bucket(Bucket=name)
    return name


def new_address(bucket: str | None = None, prefix: str | None = None) -> BucketAddress:
    """Return the address of an empty place: a prefix of its own in the session's bucket."""
    return BucketAddress(
        bucket or session_bucket(), prefix or ceph.new_name("at"), ceph.gateway().url, addressing="path"
    )


def s3_store(address: BucketAddress, name: StoreName = NAME, sizes: Sizes = SMALL_SIZES) -> S3Store:
    """Return the store at an address."""
    return S3Store(Bucket(name, address), PLACE, sizes=sizes)
