"""Replacing objects in buckets that guard them: with versions and a lock, with a policy that denies it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError
from services import ceph
from services.buckets import (
    CEPH,
    SWIFT,
    Service,
    client,
    new_address,
    s3_store,
    speak_as_the_archive,
)
from support.memory_store import MemoryQuarantine

from preservation.errors import DeniedError, UnavailableError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.ports.replacers import Replacement
from storage.ports.stores import Deposit
from storage.stores.s3.bucket import Bucket, BucketAddress
from storage.stores.s3.conditions import EtagForm, honoured_etag_form
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


def test_an_object_that_came_in_the_midst_of_the_put_is_not_replaced(tmp_path: Path):
    speak_as_the_archive()
    address = new_address()
    store, bucket, deposit = opened(address, tmp_path)
    expected = digest_bytes(KEPT, (Algorithm.SHA256,))
    replacer = S3Replacer(bucket)
    # The service has been asked how it wants an ETag, and what is there is looked at for the last time.
    assert replacer.replace(deposit, expected, MemoryQuarantine()) is Replacement.REPLACED
    S3Injurer(bucket).write(KEY, BAD)
    name = f"{address.prefix}/{KEY}"
    came = []

    def come(request: AWSPreparedRequest, **_: object) -> None:
        if request.url.endswith("x.tif") and not came:
            came.append(client().put_object(Bucket=address.bucket, Key=name, Body=b"of another writer"))

    bucket.client.meta.events.register("before-send.s3.PutObject", come)
    with pytest.raises(UnavailableError, match="was changed while it was repaired, and stays as it is"):
        replacer.replace(deposit, expected, MemoryQuarantine())
    assert came
    found = client().get_object(Bucket=address.bucket, Key=name)["Body"].read()
    assert found == b"of another writer"
    assert store.stat(KEY).size == len(found)


@pytest.mark.parametrize(("service", "form"), [(CEPH, EtagForm.BARE), (SWIFT, None)], ids=["ceph", "swift"])
def test_how_a_service_wants_an_etag_is_tried(service: Service, form: EtagForm | None):
    speak_as_the_archive(service)
    bucket = Bucket(StoreName("first"), new_address(service=service))
    assert honoured_etag_form(bucket) is form
    assert honoured_etag_form(bucket) is form


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
