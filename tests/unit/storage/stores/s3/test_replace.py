"""Replacing objects in buckets that guard them: with versions and a lock, with a policy that denies it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from services import ceph
from services.buckets import client, new_address, s3_store, speak_as_the_archive
from support.memory_store import MemoryQuarantine

from preservation.errors import DeniedError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.paths import StoreKey
from storage.ports.replacers import Replacement
from storage.ports.stores import Deposit
from storage.stores.s3.bucket import Bucket, BucketAddress
from storage.stores.s3.injure import S3Injurer
from storage.stores.s3.replace import S3Replacer
from storage.stores.s3.store import S3Store

KEY = StoreKey("maps/a/v1/data/x.tif")
KEPT, BAD = b"as it was kept", b"other bytes"


@pytest.fixture
def guarded() -> BucketAddress:
    """A bucket of its own, with a lock on its objects."""
    speak_as_the_archive()
    name = ceph.new_name("guarded")
    client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return new_address(name)


def opened(address: BucketAddress, tmp_path: Path) -> tuple[S3Store, Bucket, Deposit]:
    """A store that has the damaged file, its bucket, and what is to replace it."""
    store = s3_store(address)
    bucket = Bucket(store.name, address, identity=Bucket(store.name, address).identity())
    source = tmp_path / "source"
    source.write_bytes(KEPT)
    S3Injurer(bucket).write(KEY, BAD)
    return store, bucket, Deposit(KEY, source, len(KEPT))


def test_a_bucket_with_a_lock_keeps_the_damaged_object_as_an_older_version(
    guarded: BucketAddress, tmp_path: Path
):
    store, bucket, deposit = opened(guarded, tmp_path)
    name = f"{guarded.prefix}/{KEY}"
    client().put_object_retention(
        Bucket=guarded.bucket,
        Key=name,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=10)},
    )
    quarantine = MemoryQuarantine()
    expected = digest_bytes(KEPT, (Algorithm.SHA256,))
    assert S3Replacer(bucket).replace(deposit, expected, quarantine) is Replacement.REPLACED
    with store.open(KEY) as stream:
        buffer = bytearray(100)
        assert buffer[: stream.readinto(buffer) or 0] == KEPT
    versions = client().list_object_versions(Bucket=guarded.bucket, Prefix=name)["Versions"]
    assert sorted(one["Size"] for one in versions) == sorted([len(KEPT), len(BAD)])
    [older] = [one for one in versions if not one["IsLatest"]]
    with pytest.raises(ClientError):
        client().delete_object(Bucket=guarded.bucket, Key=name, VersionId=older["VersionId"])


def test_a_bucket_that_denies_putting_is_an_error_with_the_next_step_and_nothing_changes(
    guarded: BucketAddress, tmp_path: Path
):
    store, bucket, deposit = opened(guarded, tmp_path)
    denial = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:PutObject", "s3:DeleteObject"],
                "Resource": [f"arn:aws:s3:::{guarded.bucket}/*"],
            }
        ],
    }
    client().put_bucket_policy(Bucket=guarded.bucket, Policy=json.dumps(denial))
    expected = digest_bytes(KEPT, (Algorithm.SHA256,))
    with pytest.raises(DeniedError, match="let this access key"):
        S3Replacer(bucket).replace(deposit, expected, MemoryQuarantine())
    with pytest.raises(DeniedError, match="let this access key"):
        S3Replacer(bucket).remove_unexpected(KEY, MemoryQuarantine())
    assert store.stat(KEY).size == len(BAD)
