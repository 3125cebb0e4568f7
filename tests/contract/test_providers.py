"""What states what a provider keeps must state each file, and nothing that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from services.buckets import SMALL_SIZES, client, new_address, s3_store, speak_as_the_archive
from support.memory_store import MemoryProvider
from support.store_peers import memory_store

from preservation.errors import UnavailableError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import StoreKey, path_order
from storage.ports.providers import Provider
from storage.ports.stores import SiteName
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.provider import S3Provider

PREFIX = StoreKey("maps/a/v1")
KEPT = {
    StoreKey(f"maps/a/v1/{name}"): name.encode() * 3
    for name in ("bagit.txt", "data/\uff5e", "data/\U0001f5fa", "data/a b%20.txt", "data/a/b", "data/a.b")
}
OTHERS = {StoreKey("maps/a/v10/data/x"): b"x", StoreKey("maps/b/v1/data/x"): b"y"}


@dataclass(frozen=True)
class Stating:
    """A provider, and how bytes come to it and its place is another."""

    provider: Provider
    put: Callable[[StoreKey, bytes], object]
    exchange: Callable[[], object]


def _memory() -> Stating:
    store = memory_store(StoreName("first"), SiteName("here"))
    shelf = store.shelf
    return Stating(
        MemoryProvider(store),
        lambda key, content: shelf.kept.update({key: content}),
        lambda: setattr(shelf, "identity", None),
    )


def _bucket() -> Stating:
    speak_as_the_archive()
    address = new_address()
    store = s3_store(address)
    identity = Bucket(store.name, address).identity()
    service = client()
    put = Bucket(store.name, address)
    return Stating(
        S3Provider(Bucket(store.name, address, identity=identity)),
        lambda key, content: service.put_object(**put.at(key), Body=content),
        lambda: service.put_object(
            **put.at(".muniment/identity"),
            Body=StoreIdentity("00000000-0000-4000-8000-000000000001").encode(),
        ),
    )


@pytest.fixture(params=[_memory, _bucket], ids=["memory", "s3"])
def stating(request: pytest.FixtureRequest) -> Stating:
    made: Stating = request.param()
    return made


def test_every_file_is_stated_in_the_order_of_the_keys_with_its_size_and_digests_of_all_of_it(
    stating: Stating,
):
    for key, content in {**OTHERS, **KEPT}.items():
        stating.put(key, content)
    found = list(stating.provider.stated(PREFIX))
    assert [one.key for one in found] == sorted(KEPT, key=path_order)
    assert {one.key: one.size for one in found} == {key: len(content) for key, content in KEPT.items()}
    for one in found:
        assert one.digests
        assert one.digests == digest_bytes(KEPT[one.key], tuple(one.digests))


def test_what_was_replaced_is_stated_as_it_is_now_and_nothing_as_nothing(stating: Stating):
    assert list(stating.provider.stated(PREFIX)) == []
    key = StoreKey("maps/a/v1/data/x")
    stating.put(key, b"before")
    stating.put(key, b"after")
    [found] = stating.provider.stated(PREFIX)
    assert (found.size, found.digests) == (5, digest_bytes(b"after", tuple(found.digests)))


def test_a_place_that_is_another_states_nothing_for_the_store(stating: Stating):
    stating.exchange()
    with pytest.raises(UnavailableError):
        list(stating.provider.stated(PREFIX))


def test_an_etag_of_parts_is_no_digest_of_the_whole():
    speak_as_the_archive()
    address = new_address()
    store = s3_store(address)
    bucket = Bucket(store.name, address, identity=Bucket(store.name, address).identity())
    place = bucket.at(StoreKey("maps/a/v1/data/large"))
    service = client()
    upload = service.create_multipart_upload(**place)["UploadId"]
    part = bytes(SMALL_SIZES.part)
    etag = service.upload_part(**place, UploadId=upload, PartNumber=1, Body=part)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    service.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)  # type: ignore[arg-type]
    [found] = S3Provider(bucket).stated(PREFIX)
    assert (found.size, found.digests.get(Algorithm.MD5)) == (len(part), None)
