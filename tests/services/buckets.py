"""Buckets on the tests' own S3 services, and stores in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from services import ceph, openstack_swift
from support.identities import made

from preservation.model.identifiers import StoreIdentity, StoreName
from storage.ports.stores import SiteName, StorePlace
from storage.stores.s3.bucket import Bucket, BucketAddress
from storage.stores.s3.make import S3Maker
from storage.stores.s3.send import Sizes
from storage.stores.s3.store import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

NAME = StoreName("first")
PLACE = StorePlace(SiteName("there"), "Ceph", "object store")

IDENTITY = StoreIdentity("00000000-0000-4000-8000-000000000000")
"""What no place has."""

SMALL_SIZES = Sizes(in_parts=6 << 20, part=5 << 20)
"""The smallest parts that a service takes, so that tests of parts need no large files."""


@dataclass(frozen=True)
class Service:
    """A service that speaks S3: where it answers, and the keys of the user who owns the buckets."""

    url: Callable[[], str]
    keys: ceph.Keys


CEPH = Service(lambda: ceph.gateway().url, ceph.ARCHIVE)
SWIFT = Service(openstack_swift.url, openstack_swift.ARCHIVE)


def speak_as_the_archive(service: Service = CEPH) -> None:
    """Put the keys of the user who owns the buckets where a store looks for them."""
    os.environ.update(service.keys.environment)


def client(keys: ceph.Keys | None = None, service: Service = CEPH) -> S3Client:
    """Return a client of the tests' own, for what a store cannot and must not do."""
    keys = keys or service.keys
    return boto3.client(
        "s3",
        endpoint_url=service.url(),
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        region_name="us-east-1",
    )


@cache
def session_bucket(service: Service = CEPH) -> str:
    """Return the bucket that this process makes for its tests."""
    name = ceph.new_name("tests")
    client(service=service).create_bucket(Bucket=name)
    return name


def new_address(
    bucket: str | None = None, prefix: str | None = None, service: Service = CEPH
) -> BucketAddress:
    """Return the address of an empty place: a prefix of its own in the session's bucket."""
    return BucketAddress(
        bucket or session_bucket(service), prefix or ceph.new_name("at"), service.url(), addressing="path"
    )


def unasked_store(address: BucketAddress, name: StoreName = NAME) -> S3Store:
    """Return the store at an address that was not asked for its identity, for it would not answer."""
    return S3Store(Bucket(name, address, identity=IDENTITY), PLACE, sizes=SMALL_SIZES)


def s3_store(address: BucketAddress, name: StoreName = NAME, sizes: Sizes = SMALL_SIZES) -> S3Store:
    """Return the store at an address, which is made one where it is none."""
    identity = made(S3Maker(Bucket(name, address)))
    return S3Store(Bucket(name, address, identity=identity), PLACE, sizes=sizes)
