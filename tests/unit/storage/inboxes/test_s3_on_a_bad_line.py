"""A bucket inbox while something is wrong on the way: other bytes, breaks, lists without end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fakes import whole
from services.bad_lines import Exchange, Line, LineBrokenError, line_to, times
from services.buckets import CEPH, SWIFT, Service, client, new_address, speak_as_the_archive
from support.drop_bucket_peers import Peer, s3_peer

from preservation.errors import UnavailableError
from preservation.model.paths import StoreKey
from storage.stores.s3.bucket import Bucket, BucketAddress

KEY = StoreKey("inbox/maps/page.tif")
PART = 5 << 20
CONTENT = os.urandom(2 * PART + 300_000)


@pytest.fixture(params=["CEPH"])
def service(request: pytest.FixtureRequest) -> Service:
    return {"CEPH": CEPH, "SWIFT": SWIFT}[request.param]


@pytest.fixture
def address(service: Service) -> BucketAddress:
    speak_as_the_archive(service)
    return new_address(service=service)


@pytest.fixture
def line(address: BucketAddress) -> Iterator[Line]:
    assert address.endpoint_url is not None
    with line_to(address.endpoint_url) as line:
        yield line


@pytest.fixture
def peer(address: BucketAddress, line: Line, service: Service) -> Peer:
    return s3_peer(replace(address, endpoint_url=line.url), service)


def put_at_once(address: BucketAddress, service: Service = CEPH) -> None:
    client(service=service).put_object(Bucket=address.bucket, Key=f"{address.prefix}/{KEY}", Body=CONTENT)


def put_in_parts(address: BucketAddress, service: Service, *ends: int) -> None:
    """Put it in parts that end there."""
    theirs, place = client(service=service), {"Bucket": address.bucket, "Key": f"{address.prefix}/{KEY}"}
    upload = {**place, "UploadId": theirs.create_multipart_upload(**place)["UploadId"]}
    parts, start = [], 0
    for number, end in enumerate((*ends, len(CONTENT)), 1):
        sent = theirs.upload_part(**upload, PartNumber=number, Body=CONTENT[start:end])
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        start = end
    theirs.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def put_in_equal_parts(address: BucketAddress, service: Service) -> None:
    put_in_parts(address, service, PART, 2 * PART)


def put_in_unequal_parts(address: BucketAddress, service: Service) -> None:
    put_in_parts(address, service, PART + 100_000, 2 * PART + 100_000)


Put = Callable[[BucketAddress, Service], None]
SAYS_HOW_LARGE_PARTS_ARE = pytest.mark.parametrize("service", ["SWIFT"], indirect=True)


def fetched(peer: Peer) -> bytes:
    found = peer.bucket.find(KEY)
    assert found is not None
    with peer.bucket.open(found) as stream:
        return whole(stream)


def brings_content(exchange: Exchange) -> bool:
    return exchange.method == "GET" and len(exchange.answer) > 100_000


def change(exchange: Exchange) -> None:
    if brings_content(exchange):
        exchange.answer = b"\0" * 16 + exchange.answer[16:]


def breaking(then: Callable[[Exchange], None] = lambda _: None) -> Callable[[Exchange], None]:
    """Break the line once in the midst of the content; ``then`` happens to what comes afterwards."""
    breaks = times(1)

    def answered(exchange: Exchange) -> None:
        if brings_content(exchange):
            if breaks():
                raise LineBrokenError(len(exchange.answer) // 2)
            then(exchange)

    return answered


@pytest.mark.parametrize(
    ("service", "put"), [("CEPH", put_at_once), ("SWIFT", put_in_equal_parts)], indirect=["service"]
)
def test_bytes_changed_on_the_way_are_not_taken_for_the_object(
    peer: Peer, line: Line, address: BucketAddress, service: Service, put: Put
):
    put(address, service)
    assert fetched(peer) == CONTENT
    line.answered = change
    with pytest.raises(OSError, match="not those of its ETag"):
        fetched(peer)


@pytest.mark.parametrize(
    ("service", "put", "said"),
    [
        ("CEPH", put_at_once, "not those of its ETag"),
        ("CEPH", put_in_equal_parts, "nothing shows that all of it is right"),
        ("SWIFT", put_in_equal_parts, "not those of its ETag"),
    ],
    indirect=["service"],
)
def test_a_line_that_breaks_is_gone_on_with_where_the_whole_is_proven_in_the_end(
    peer: Peer, line: Line, address: BucketAddress, service: Service, put: Put, said: str
):
    put(address, service)
    line.answered = breaking()
    assert fetched(peer) == CONTENT
    line.answered = breaking(then=change)
    with pytest.raises(OSError, match=said):
        fetched(peer)


@SAYS_HOW_LARGE_PARTS_ARE
def test_parts_of_different_sizes_are_no_fault_and_after_a_break_no_proof(
    peer: Peer, line: Line, address: BucketAddress, service: Service
):
    put_in_unequal_parts(address, service)
    assert fetched(peer) == CONTENT
    line.answered = breaking()
    with pytest.raises(OSError, match="nothing shows that all of it is right"):
        fetched(peer)
    line.answered = lambda _: None
    assert fetched(peer) == CONTENT


def test_where_the_etag_says_nothing_a_line_that_broke_is_not_gone_on_with(
    peer: Peer, line: Line, address: BucketAddress
):
    put_at_once(address)

    def encrypted(exchange: Exchange) -> None:
        exchange.headers.append(("x-amz-server-side-encryption", "aws:kms"))

    line.answered = encrypted
    assert fetched(peer) == CONTENT
    breaks = breaking()

    def encrypted_and_broken(exchange: Exchange) -> None:
        encrypted(exchange)
        breaks(exchange)

    line.answered = encrypted_and_broken
    with pytest.raises(OSError, match="nothing would show whether the rest belongs to it"):
        fetched(peer)
    assert fetched(peer) == CONTENT


def test_a_checksum_of_the_service_is_held_against_the_bytes_though_the_etag_says_nothing(
    peer: Peer, line: Line, address: BucketAddress
):
    put_at_once(address)

    def answered(exchange: Exchange) -> None:
        if brings_content(exchange):
            exchange.headers.append(("x-amz-server-side-encryption", "aws:kms"))
            exchange.headers.append(("x-amz-checksum-crc32", "AAAAAA=="))

    line.answered = answered
    with pytest.raises(OSError, match="did not match calculated checksum"):
        fetched(peer)


def test_a_listing_that_does_not_go_on_is_a_fault_and_no_endless_loop(
    peer: Peer, line: Line, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Bucket.objects, "__defaults__", (2,))
    for number in range(3):
        peer.drop(f"inbox/maps/{number}", b"page")
    first: list[bytes] = []

    def same_again(exchange: Exchange) -> None:
        if b"<ListBucketResult" in exchange.answer:
            first.append(exchange.answer)
            exchange.answer = first[0]
            exchange.headers = [one for one in exchange.headers if one[0].lower() != "content-length"]

    line.answered = same_again
    with pytest.raises(UnavailableError, match=r"does not go on after .*inbox/maps/1"):
        list(peer.bucket.list("inbox/"))
    assert len(first) == 2


def test_a_page_that_is_empty_and_not_the_last_is_a_fault(peer: Peer, line: Line):
    def emptied(exchange: Exchange) -> None:
        if b"<ListBucketResult" in exchange.answer:
            exchange.answer = exchange.answer.replace(b"<IsTruncated>false", b"<IsTruncated>true")
            exchange.headers = [one for one in exchange.headers if one[0].lower() != "content-length"]

    line.answered = emptied
    with pytest.raises(UnavailableError, match="reports that there is more"):
        peer.keys()
