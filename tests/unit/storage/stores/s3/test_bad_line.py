"""What happens on the way to a real service: throttling, breaks, other bytes, and who answers at all."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import whole
from services import ceph
from services.authorities import Authority
from services.bad_lines import Exchange, Line, LineBrokenError, line_to, times
from services.buckets import client, new_address, s3_store, speak_as_the_archive

from preservation.errors import DeniedError, UnavailableError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.s3.bucket import BucketAddress
from storage.stores.s3.store import S3Store

KEY = StoreKey("maps/a/v1/x.tif")
SMALL, LARGE = 300_000, 11 << 20


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


@pytest.fixture
def line(address: BucketAddress) -> Iterator[Line]:
    assert address.endpoint_url is not None
    with line_to(address.endpoint_url) as line:
        yield line


@pytest.fixture
def store(address: BucketAddress, line: Line) -> S3Store:
    store = s3_store(replace(address, endpoint_url=line.url))
    store.create([])
    return store


def deposit(folder: Path, size: int) -> Deposit:
    source = folder / "source"
    source.write_bytes(os.urandom(size))
    return Deposit(KEY, source, size)


def brings_bytes(exchange: Exchange) -> bool:
    return exchange.method == "PUT" and len(exchange.body) > SMALL // 2


def takes_bytes(exchange: Exchange) -> bool:
    return exchange.method == "GET" and len(exchange.answer) > SMALL // 2


def slow_down(exchange: Exchange) -> bool:
    exchange.status, exchange.headers = 503, [("Retry-After", "1"), ("Content-Type", "application/xml")]
    exchange.answer = (
        b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    )
    return True


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["whole", "in parts"])
def test_a_service_that_asks_to_slow_down_is_left_alone_for_a_while_and_asked_again(
    store: S3Store, line: Line, tmp_path: Path, size: int
):
    throttled = times(2)
    line.asked = lambda exchange: brings_bytes(exchange) and throttled() and slow_down(exchange)
    made = deposit(tmp_path, size)
    store.create([made])
    with store.open(KEY) as stream:
        assert whole(stream) == made.source.read_bytes()


def test_a_service_that_is_busy_for_good_is_unavailable_and_may_be_asked_later(
    store: S3Store, line: Line, tmp_path: Path
):
    line.asked = lambda exchange: brings_bytes(exchange) and slow_down(exchange)
    with pytest.raises(
        UnavailableError, match=r"^store first: cannot create maps/a/v1/x.tif.*SlowDown"
    ) as told:
        store.create([deposit(tmp_path, SMALL)])
    assert told.value.retryable
    assert list(store.list()) == []


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["whole", "in parts"])
@pytest.mark.parametrize("reached", [False, True], ids=["on the way there", "on the way back"])
def test_a_line_that_breaks_while_bytes_are_sent_costs_one_more_try(
    store: S3Store, line: Line, tmp_path: Path, size: int, *, reached: bool
):
    breaks = times(1)

    def break_off(exchange: Exchange) -> bool:
        if brings_bytes(exchange) and breaks():
            raise LineBrokenError
        return False

    if reached:
        line.answered = break_off  # type: ignore[assignment]  # what it returns is of no interest there
    else:
        line.asked = break_off
    made = deposit(tmp_path, size)
    store.create([made])
    with store.open(KEY) as stream:
        assert whole(stream) == made.source.read_bytes()


def test_a_line_that_always_breaks_while_bytes_are_sent_is_named_with_the_key(
    store: S3Store, line: Line, address: BucketAddress, tmp_path: Path
):
    def break_off(exchange: Exchange) -> bool:
        if brings_bytes(exchange):
            raise LineBrokenError
        return False

    line.asked = break_off
    for size in (SMALL, LARGE):
        with pytest.raises(
            UnavailableError, match=r"^store first: cannot create maps/a/v1/x.tif: .*run it again"
        ):
            store.create([deposit(tmp_path, size)])
    assert list(store.list()) == []
    unfinished = client().list_multipart_uploads(Bucket=address.bucket, Prefix=address.prefix)
    assert unfinished.get("Uploads", []) == []


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["whole", "in parts"])
def test_bytes_changed_on_the_way_there_are_refused_and_nothing_is_kept(
    store: S3Store, line: Line, tmp_path: Path, size: int
):
    def flip(exchange: Exchange) -> bool:
        if brings_bytes(exchange):
            exchange.body = exchange.body[:1000] + bytes([exchange.body[1000] ^ 4]) + exchange.body[1001:]
        return False

    line.asked = flip
    with pytest.raises(
        UnavailableError, match=r"^store first: cannot create maps/a/v1/x.tif.*on the way"
    ) as told:
        store.create([deposit(tmp_path, size)])
    assert told.value.retryable
    assert list(store.list()) == []


def test_a_line_that_breaks_while_bytes_are_fetched_is_gone_on_from_there(
    store: S3Store, line: Line, tmp_path: Path
):
    made = deposit(tmp_path, LARGE)
    store.create([made])
    breaks = times(3)

    def break_off(exchange: Exchange) -> None:
        if takes_bytes(exchange) and breaks():
            raise LineBrokenError(len(exchange.answer) // 3)

    line.answered = break_off
    with store.open(KEY) as stream:
        assert whole(stream) == made.source.read_bytes()


def test_an_object_that_is_cut_short_every_time_is_an_error_and_never_a_short_file(
    store: S3Store, line: Line, tmp_path: Path
):
    store.create([deposit(tmp_path, SMALL)])

    def cut(exchange: Exchange) -> None:
        if exchange.method == "GET":
            raise LineBrokenError(len(exchange.answer) // 2)

    line.answered = cut
    with store.open(KEY) as stream, pytest.raises(OSError, match="bytes expected"):
        whole(stream)


def test_an_object_replaced_while_it_is_read_is_not_read_on(
    store: S3Store, line: Line, address: BucketAddress, tmp_path: Path
):
    store.create([deposit(tmp_path, LARGE)])
    breaks = times(1)

    def replace_and_break(exchange: Exchange) -> None:
        if takes_bytes(exchange) and breaks():
            client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{KEY}", Body=bytes(LARGE))
            raise LineBrokenError(LARGE // 2)

    line.answered = replace_and_break
    with store.open(KEY) as stream, pytest.raises(OSError, match=r"first: cannot open maps/a/v1/x\.tif"):
        whole(stream)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made("The town", tmp_path)


@pytest.fixture
def address_in_tls(address: BucketAddress, authority: Authority) -> Iterator[BucketAddress]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.certified("127.0.0.1"))
    with line_to(ceph.gateway().url, tls) as line:
        yield replace(address, endpoint_url=line.url)


def test_the_authority_that_signed_the_certificate_is_given_by_the_environment(
    address_in_tls: BucketAddress, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.file))
    made = deposit(tmp_path, LARGE)
    store = s3_store(address_in_tls)
    store.create([made])
    with store.open(KEY) as stream:
        assert whole(stream) == made.source.read_bytes()
    assert "refuses to replace an object" in store.probe()


def test_the_authority_that_signed_the_certificate_is_given_by_the_profile(
    address_in_tls: BucketAddress, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    configuration = tmp_path / "config"
    configuration.write_text(f"[profile town]\nca_bundle = {authority.file}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(configuration))
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    # Where a profile is named, botocore takes no keys from the environment.
    keys = tmp_path / "credentials"
    keys.write_text(
        f"[town]\naws_access_key_id = {ceph.ARCHIVE.access}\naws_secret_access_key = {ceph.ARCHIVE.secret}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    store = s3_store(replace(address_in_tls, profile="town"))
    store.create([deposit(tmp_path, SMALL)])
    assert store.stat(KEY).size == SMALL


@pytest.mark.parametrize("known", [False, True], ids=["none of ours", "another"])
def test_a_certificate_that_nobody_trusted_has_signed_is_refused_and_the_next_step_named(
    address_in_tls: BucketAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
):
    if known:
        (tmp_path / "another").mkdir()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(Authority.made("Another", tmp_path / "another").file))
    with pytest.raises(DeniedError, match=r"^store first: .*certificate.*AWS_CA_BUNDLE"):
        s3_store(address_in_tls).create([deposit(tmp_path, SMALL)])
