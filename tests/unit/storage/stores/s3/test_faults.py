"""What a real service refuses, and what is told of it: the store, the key, and what to do next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import whole
from services import ceph
from services.buckets import (
    client,
    new_address,
    s3_store,
    session_bucket,
    speak_as_the_archive,
    unasked_store,
)
from support.clocks import set_clocks

from preservation.errors import DeniedError, StorageError, StoreFullError, UnavailableError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit, Store
from storage.stores.s3.bucket import BucketAddress

KEY = StoreKey("maps/a/v1/x.tif")


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


@pytest.fixture
def deposit(tmp_path: Path) -> Deposit:
    source = tmp_path / "x.tif"
    source.write_bytes(b"bytes")
    return Deposit(KEY, source, 5)


def every_act(store: Store, deposit: Deposit) -> dict[str, Callable[[], object]]:
    return {
        "create": lambda: store.create([deposit]),
        "open": lambda: store.open(KEY),
        "stat": lambda: store.stat(KEY),
        "list": lambda: list(store.list()),
        "probe": store.probe,
    }


def require_all(store: Store, deposit: Deposit, kind: type[StorageError], said: str) -> None:
    for act in every_act(store, deposit).values():
        with pytest.raises(kind, match=rf"^store first: .*{said}"):
            act()


def test_a_wrong_secret_is_denied(address: BucketAddress, deposit: Deposit, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    require_all(unasked_store(address), deposit, DeniedError, "(secret are right|let this access key)")


def test_an_unknown_access_key_is_denied(
    address: BucketAddress, deposit: Deposit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(DeniedError, match=r"InvalidAccessKeyId.*see that the access key"):
        unasked_store(address).create([deposit])


def test_without_credentials_it_is_said_where_to_give_them(
    address: BucketAddress, deposit: Deposit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "absent"))
    require_all(unasked_store(address), deposit, DeniedError, "AWS_ACCESS_KEY_ID")
    require_all(unasked_store(replace(address, profile="archive")), deposit, DeniedError, "name a profile")


def test_a_profile_has_the_credentials(
    address: BucketAddress, deposit: Deposit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[archive]\naws_access_key_id = {ceph.ARCHIVE.access}\n"
        f"aws_secret_access_key = {ceph.ARCHIVE.secret}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    store = s3_store(replace(address, profile="archive"))
    store.create([deposit])
    assert store.stat(KEY).size == 5


def test_somebody_without_permission_is_denied(
    address: BucketAddress, deposit: Deposit, monkeypatch: pytest.MonkeyPatch
):
    for variable, value in ceph.STRANGER.environment.items():
        monkeypatch.setenv(variable, value)
    require_all(unasked_store(address), deposit, DeniedError, "let this access key list the bucket")


def test_a_missing_bucket_is_named_and_no_file_in_it_is_taken_for_lost(
    address: BucketAddress, deposit: Deposit
):
    store = unasked_store(replace(address, bucket="no-such-bucket-here"))
    require_all(store, deposit, UnavailableError, "make the bucket|there is no bucket no-such-bucket-here")


EVERY_ACT = """\
import sys
from pathlib import Path
from services.buckets import unasked_store
from preservation.errors import StorageError
from storage.ports.stores import Deposit
from storage.stores.s3.bucket import BucketAddress

bucket, prefix, url, key, source = sys.argv[1:]
store = unasked_store(BucketAddress(bucket, prefix, url, addressing="path"))
for act in (
    lambda: store.create([Deposit(key, Path(source), 5)]),
    lambda: store.open(key),
    lambda: store.stat(key),
    lambda: list(store.list()),
    store.probe,
):
    try:
        act()
    except StorageError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("offset", ["-2h", "+2h"])
def test_a_clock_that_is_wrong_is_named_as_the_reason(
    address: BucketAddress, deposit: Deposit, project: Path, monkeypatch: pytest.MonkeyPatch, offset: str
):
    assert address.endpoint_url is not None
    where = (address.bucket, address.prefix, address.endpoint_url, KEY, deposit.source)
    set_clocks(monkeypatch, offset)
    acts = subprocess.run(
        [sys.executable, "-c", EVERY_ACT, *where],
        cwd=project / "tests",
        capture_output=True,
        text=True,
        check=True,
    )
    told = acts.stdout.splitlines()
    assert len(told) == len(every_act(unasked_store(address), deposit))
    for line in told:
        assert line.startswith("DeniedError store first: cannot "), line
        assert "the clocks of this machine and of the service differ too much" in line


def test_a_full_store_is_full_and_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for variable, value in ceph.FULL.environment.items():
        monkeypatch.setenv(variable, value)
    bucket = ceph.new_name("full")
    client(ceph.FULL).create_bucket(Bucket=bucket)
    deposits = []
    for number in range(12):
        source = tmp_path / str(number)
        source.write_bytes(b"x")
        deposits.append(Deposit(StoreKey(f"maps/a/v1/{number}"), source, 1))
    store = s3_store(new_address(bucket))
    # The objects by which the condition is tried would count too.
    vars(store)["_conditional"] = True

    def fill() -> None:
        for deposit in deposits:
            store.create([deposit])

    with pytest.raises(StoreFullError, match=r"first.*maps/a/v1/\d+.*make room"):
        fill()


def test_where_nothing_answers_the_store_is_unavailable(address: BucketAddress, deposit: Deposit):
    store = unasked_store(replace(address, endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(UnavailableError, match=r"first.*endpoint_url leads to it"):
        store.create([deposit])


def test_a_service_killed_in_the_midst_of_reading_and_back_again_is_read_on(tmp_path: Path):
    speak_as_the_archive()
    content = os.urandom(24 << 20)
    source = tmp_path / "large"
    source.write_bytes(content)
    with ceph.mortal_gateway() as service:
        store = s3_store(replace(new_address(), endpoint_url=service.url))
        store.create([Deposit(KEY, source, len(content))])
        with store.open(KEY) as stream:
            first = bytearray(1 << 20)
            count = stream.readinto(first) or 0
            service.kill()
            service.start()
            assert bytes(first[:count]) + whole(stream) == content


def test_a_service_killed_for_good_in_the_midst_of_reading_is_an_error_of_reading(tmp_path: Path):
    speak_as_the_archive()
    source = tmp_path / "large"
    source.write_bytes(os.urandom(24 << 20))
    with ceph.mortal_gateway() as service:
        store = s3_store(replace(new_address(), endpoint_url=service.url))
        store.create([Deposit(KEY, source, 24 << 20)])
        with store.open(KEY) as stream:
            service.kill()
            with pytest.raises(OSError, match="endpoint_url leads to it"):
                whole(stream)


@pytest.mark.soak
def test_a_service_killed_in_the_midst_of_writing_leaves_only_whole_files_and_the_rest_follows(
    tmp_path: Path,
):
    speak_as_the_archive()
    deposits = []
    for number in range(300):
        source = tmp_path / str(number)
        source.write_bytes(str(number).encode() * 1000)
        deposits.append(Deposit(StoreKey(f"maps/a/v1/{number}"), source, source.stat().st_size))
    with ceph.mortal_gateway() as service:
        store = s3_store(replace(new_address(session_bucket()), endpoint_url=service.url))

        def until_killed() -> Iterator[Deposit]:
            for number, deposit in enumerate(deposits):
                if number == 150:
                    service.kill()
                yield deposit

        with pytest.raises(UnavailableError, match=r"first.*maps/a/v1/"):
            store.create(until_killed())
        service.start()
        seen = {kept.key: kept.size for kept in store.list()}
        assert 0 < len(seen) < 300
        store.create(deposit for deposit in deposits if deposit.key not in seen)
        assert {kept.key: kept.size for kept in store.list()} == {
            deposit.key: deposit.size for deposit in deposits
        }
