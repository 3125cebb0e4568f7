"""What an S3 store promises beyond the contract, on a real service."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from fakes import whole
from ordeals.senders import KEYS, started
from services.buckets import SWIFT, client, new_address, s3_store, speak_as_the_archive

from preservation.errors import AlreadyExistsError, DeniedError, SourceChangedError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.s3 import key_lock
from storage.stores.s3.bucket import BucketAddress
from storage.stores.s3.leftovers import clear_leftovers
from storage.stores.s3.send import Slice
from storage.stores.s3.store import S3Store

LARGE = 7 << 20
KEY = StoreKey("maps/a/v1/x")


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


@pytest.fixture
def store(address: BucketAddress) -> S3Store:
    return s3_store(address)


@pytest.fixture
def deposit(tmp_path: Path) -> Callable[..., Deposit]:
    def made(key: str, content: bytes) -> Deposit:
        source = tmp_path / hashlib.sha256(key.encode() + content).hexdigest()
        source.write_bytes(content)
        return Deposit(StoreKey(key), source, len(content))

    return made


def content(store: S3Store, key: str) -> bytes:
    with store.open(StoreKey(key)) as stream:
        return whole(stream)


def uploads(address: BucketAddress) -> int:
    page = client().list_multipart_uploads(Bucket=address.bucket, Prefix=address.prefix)
    return len(page.get("Uploads", []))


def own_objects(address: BucketAddress) -> list[str]:
    page = client().list_objects_v2(Bucket=address.bucket, Prefix=f"{address.prefix}/.")
    return [found["Key"].removeprefix(f"{address.prefix}/") for found in page.get("Contents", [])]


def ask_differently(store: S3Store, event: str, handler: Callable[..., Any]) -> None:
    store._bucket.client.meta.events.register(event, handler)


@pytest.mark.parametrize("size", [1000, LARGE])
def test_of_racing_processes_exactly_one_creates_each_key(address: BucketAddress, tmp_path: Path, size: int):
    processes = []
    for number in range(3):
        source = tmp_path / str(number)
        source.write_bytes(bytes([number]) * size)
        processes.append(started("race", address, source))
    won = [process.communicate()[0].decode().split() for process in processes]
    assert sorted(int(key) for keys in won for key in keys) == list(range(KEYS))
    store = s3_store(address)
    for number, keys in enumerate(won):
        assert all(content(store, f"maps/race/{key}") == bytes([number]) * size for key in keys)
    assert own_objects(address) == [".muniment/identity", ".muniment/mark"]
    assert uploads(address) == 0


def test_a_large_file_goes_up_in_parts_with_memory_that_does_not_grow_with_it(
    address: BucketAddress, tmp_path: Path
):
    source = tmp_path / "large"
    block = os.urandom(1 << 20)
    with source.open("wb") as sink:
        for _ in range(136):
            sink.write(block)
    process = started("measure", address, source)
    grown_kib = int(process.communicate()[0])
    assert grown_kib < 96 << 10
    found = client().head_object(Bucket=address.bucket, Key=f"{address.prefix}/maps/a/v1/large")
    assert found["ContentLength"] == 136 << 20
    assert found["ETag"].strip('"').endswith("-9")


def ask_without_condition(store: S3Store) -> None:
    def without_condition(request: AWSRequest, **_: object) -> None:
        del request.headers["If-None-Match"]

    ask_differently(store, "before-sign.s3", without_condition)


def test_where_the_service_ignores_the_condition_a_taken_key_is_seen_all_the_same(
    store: S3Store, deposit: Callable[..., Deposit]
):
    ask_without_condition(store)
    assert "would replace an object" in store.probe()
    for size in (10, LARGE):
        key = f"maps/a/v1/{size}"
        store.create([deposit(key, b"1" * size)])
        with pytest.raises(AlreadyExistsError, match=rf"first.*{key}"):
            store.create([deposit(key, b"2" * size)])
        assert content(store, key) == b"1" * size


@pytest.mark.parametrize("size", [1000, LARGE])
def test_where_the_service_ignores_the_condition_exactly_one_of_racing_creators_wins(
    address: BucketAddress, deposit: Callable[..., Deposit], size: int
):
    # Each with a client of its own, as processes have.
    stores = [s3_store(address) for _ in range(3)]
    for racing in stores:
        ask_without_condition(racing)
    made = [deposit(KEY, bytes([number]) * size) for number in range(3)]

    def won(racing: S3Store, one: Deposit) -> bool:
        try:
            racing.create([one])
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(3) as threads:
        wins = list(threads.map(won, stores, made))
    assert wins.count(True) == 1
    assert content(stores[0], KEY) == made[wins.index(True)].source.read_bytes()
    assert own_objects(address) == [".muniment/identity", ".muniment/mark"]
    assert uploads(address) == 0


def test_a_mark_that_a_killed_creator_left_is_taken_away_once_it_is_old(
    store: S3Store,
    address: BucketAddress,
    deposit: Callable[..., Deposit],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(key_lock, "LIVE_SECONDS", 1.0)
    ask_without_condition(store)
    client().put_object(
        Bucket=address.bucket, Key=f"{address.prefix}/{key_lock.name_of(KEY)}/theirs", Body=b""
    )
    store.create([deposit(KEY, b"ours")])
    assert content(store, KEY) == b"ours"
    assert own_objects(address) == [".muniment/identity", ".muniment/mark"]


def test_a_service_that_looks_at_the_condition_only_when_a_request_begins_is_found_out():
    speak_as_the_archive(SWIFT)
    address = new_address(service=SWIFT)
    store = s3_store(address)
    assert "would replace an object" in store.probe()
    service = client(service=SWIFT)
    service.put_object(Bucket=address.bucket, Key=f"{address.prefix}/x", Body=b"1", IfNoneMatch="*")
    with pytest.raises(service.exceptions.ClientError, match="PreconditionFailed"):
        service.put_object(Bucket=address.bucket, Key=f"{address.prefix}/x", Body=b"2", IfNoneMatch="*")


def test_the_probe_tells_what_this_service_guarantees(store: S3Store):
    assert "refuses to replace an object; large ones are guarded by key locks" in store.probe()


@pytest.mark.parametrize(("operation", "size"), [("PutObject", 10), ("CompleteMultipartUpload", LARGE)])
def test_an_answer_that_was_lost_and_asked_for_again_is_not_taken_for_another_creator(
    store: S3Store, deposit: Callable[..., Deposit], operation: str, size: int
):
    store.create([])
    again = []

    def lose_the_first_answer(**_: object) -> int | None:
        again.append(1)
        return 0 if len(again) == 1 else None

    ask_differently(store, f"needs-retry.s3.{operation}", lose_the_first_answer)
    made = deposit("maps/a/v1/x", os.urandom(size))
    store.create([made])
    assert len(again) >= 2
    assert content(store, "maps/a/v1/x") == made.source.read_bytes()


def test_an_abandoned_claim_is_taken_over_and_its_upload_can_never_complete(
    store: S3Store,
    address: BucketAddress,
    deposit: Callable[..., Deposit],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(key_lock, "LIVE_SECONDS", 1.0)
    service, key = client(), f"{address.prefix}/{KEY}"
    store.create([])
    upload = service.create_multipart_upload(Bucket=address.bucket, Key=key)["UploadId"]
    part = service.upload_part(Bucket=address.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"theirs")
    assert store._bucket.put_where_free(key_lock.name_of(KEY), upload.encode())
    made = deposit(KEY, os.urandom(LARGE))
    store.create([made])
    assert own_objects(address) == [".muniment/identity", ".muniment/mark"]
    with pytest.raises(service.exceptions.ClientError):
        service.complete_multipart_upload(
            Bucket=address.bucket,
            Key=key,
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
    assert content(store, KEY) == made.source.read_bytes()


def test_uploads_of_killed_runs_are_aborted_once_they_are_a_day_old(
    store: S3Store, address: BucketAddress, deposit: Callable[..., Deposit]
):
    bucket = store._bucket
    for name in ("maps/x", "maps/y\x01\n%"):
        bucket.client.create_multipart_upload(**bucket.at(name))
    store.create([deposit(KEY, b"x")])
    assert clear_leftovers(bucket) == 0
    assert clear_leftovers(bucket, datetime.now(UTC) + timedelta(hours=25)) == 2
    assert uploads(address) == 0


def test_the_claim_of_a_run_that_was_killed_before_giving_it_back_goes_once_it_is_a_day_old(
    store: S3Store, address: BucketAddress, deposit: Callable[..., Deposit]
):
    store.create([deposit(KEY, b"x")])
    claim = key_lock.name_of(KEY)
    assert store._bucket.put_where_free(claim, b"")
    assert clear_leftovers(store._bucket) == 0
    assert claim in own_objects(address)
    assert clear_leftovers(store._bucket, datetime.now(UTC) + timedelta(hours=25)) == 1
    assert claim not in own_objects(address)


def test_a_source_that_shrinks_while_it_is_sent_is_blamed_and_leaves_nothing(
    store: S3Store, address: BucketAddress, deposit: Callable[..., Deposit]
):
    made = deposit(KEY, os.urandom(LARGE))

    def shrink(**_: object) -> None:
        os.truncate(made.source, 100)

    store.create([])
    ask_differently(store, "before-sign.s3.UploadPart", shrink)
    with pytest.raises(SourceChangedError, match=r"changed after it was surveyed.*ends after"):
        store.create([made])
    assert list(store.list()) == []
    assert uploads(address) == 0


def test_a_slice_reads_its_own_part_and_can_be_sent_again(deposit: Callable[..., Deposit]):
    made = deposit(KEY, bytes(range(200)))
    descriptor = os.open(made.source, os.O_RDONLY)
    try:
        part = Slice(made, descriptor, 50, 100)
        assert part.read() == bytes(range(50, 150))
        assert part.seek(-10, os.SEEK_END) == 90
        assert part.read() == bytes(range(140, 150))
    finally:
        os.close(descriptor)


def test_names_with_control_characters_survive_the_end_of_every_page_and_an_upload_in_parts(
    store: S3Store, deposit: Callable[..., Deposit]
):
    names = [
        f"maps/{character}/{n}" for n in range(2) for character in "\x01\x02\x07\n\r\t\x1f +%&\x7f\x85\uffff"
    ]
    store.create(deposit(name, b"x") for name in names)
    store.create([deposit("maps/large\x01\uffff", b"x" * LARGE)])
    ask_differently(
        store, "provide-client-params.s3.ListObjects", lambda params, **_: {**params, "MaxKeys": 3}
    )
    expected = sorted([*names, "maps/large\x01\uffff"], key=str.encode)
    assert [kept.key for kept in store.list()] == expected


def test_a_key_that_is_too_long_is_refused_before_it_is_sent(store: S3Store, deposit: Callable[..., Deposit]):
    long = "maps/" + "x/" * 500 + "\u00e9" * 20
    with pytest.raises(DeniedError, match=r"first.*1024"):
        store.create([deposit(long, b"x")])
    assert store.name_rules.fault_of(long) is not None


def test_what_lies_beside_the_prefix_is_not_the_stores(
    address: BucketAddress, deposit: Callable[..., Deposit]
):
    outer = s3_store(address)
    inner = s3_store(new_address(prefix=f"{address.prefix}/inner"))
    outer.create([deposit("maps/a/v1/x", b"outer")])
    inner.create([deposit("maps/a/v1/x", b"inner")])
    assert [kept.key for kept in inner.list()] == ["maps/a/v1/x"]
    assert content(outer, "maps/a/v1/x") == b"outer"
