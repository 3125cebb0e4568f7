"""What every bucket that drops arrive in must do. A new one joins in ``drop_bucket_peers``."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import whole
from support.drop_bucket_peers import PEERS, Peer

from preservation.errors import SourceChangedError
from preservation.model.paths import StoreKey
from storage.inboxes import s3
from storage.ports.drop_buckets import DroppedObject
from storage.stores.s3.bucket import Bucket


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest) -> Peer:
    return PEERS[request.param]()


KEY = StoreKey("inbox/maps/sheet-012/page 1.tif")


def dropped(peer: Peer, content: bytes = b"page 1", key: StoreKey = KEY) -> DroppedObject:
    peer.drop(key, content)
    found = peer.bucket.find(key)
    assert found is not None
    return found


def opened(peer: Peer, one: DroppedObject) -> bytes:
    with peer.bucket.open(one) as stream:
        return whole(stream)


def test_what_is_dropped_is_listed_found_and_read(peer: Peer):
    names = [
        "inbox/maps/a b+c%.tif",
        "inbox/maps/caf\u00e9/1.tif",
        "inbox/maps/sheet-1",
        "inbox/maps/sheet-12",
    ]
    for number, name in enumerate(names):
        peer.drop(name, b"x" * number)
    found = list(peer.bucket.list("inbox/"))
    assert [(one.key, one.size) for one in found] == [(name, number) for number, name in enumerate(names)]
    assert [peer.bucket.find(one.key) for one in found] == found
    assert [opened(peer, one) for one in found] == [b"x" * number for number in range(len(names))]
    assert peer.bucket.find(StoreKey("inbox/maps/sheet")) is None


def test_an_object_that_became_another_is_not_opened_copied_or_removed(peer: Peer):
    one = dropped(peer)
    peer.drop(KEY, b"another page 1")
    with pytest.raises(SourceChangedError, match="another than was listed"):
        opened(peer, one)
    assert not peer.bucket.copy(one, StoreKey("rejected/maps/page"))
    assert not peer.bucket.remove(one)
    assert peer.content(KEY) == b"another page 1"


def test_an_object_that_is_gone_is_not_opened_or_copied_and_counts_as_removed(peer: Peer):
    one = dropped(peer)
    assert peer.bucket.remove(one)
    with pytest.raises(SourceChangedError):
        opened(peer, one)
    assert not peer.bucket.copy(one, StoreKey("rejected/maps/page"))
    assert peer.bucket.remove(one)


def test_the_very_object_is_copied_and_removed(peer: Peer):
    one = dropped(peer)
    assert peer.bucket.copy(one, StoreKey("rejected/maps/sheet-012/page 1.tif"))
    assert peer.content("rejected/maps/sheet-012/page 1.tif") == b"page 1"
    assert peer.bucket.remove(one)
    assert peer.keys() == ["rejected/maps/sheet-012/page 1.tif"]


def test_what_is_there_is_not_created_and_its_creator_may_say_it_again(peer: Peer):
    key = StoreKey("processing/maps/sheet-012.json")
    assert peer.bucket.create(key, b"mine")
    assert not peer.bucket.create(key, b"theirs")
    assert peer.content(key) == b"mine"


def test_of_many_who_create_at_once_one_does(peer: Peer):
    key = StoreKey("processing/maps/sheet-013.json")
    with ThreadPoolExecutor(6) as threads:
        created = list(threads.map(lambda number: peer.bucket.create(key, b"%d" % number), range(6)))
    assert created.count(True) == 1
    assert peer.content(key) == b"%d" % created.index(True)


def test_what_is_put_replaces_what_was_there(peer: Peer, tmp_path: Path):
    receipt = tmp_path / "receipt.html"
    for text in ("<p>rejected", "<p>stored"):
        receipt.write_text(text)
        peer.bucket.put(StoreKey("accepted/maps/sheet-012.receipt.html"), receipt, "text/html")
    assert peer.content("accepted/maps/sheet-012.receipt.html") == b"<p>stored"


def test_nothing_is_read_where_there_is_nothing(peer: Peer):
    assert peer.content("processing/maps/sheet-012.json") is None


def test_a_large_object_is_copied_in_parts_and_only_as_it_was_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(s3, "_IN_PARTS", 5 << 20)
    peer = PEERS["s3 of Ceph"]()
    content = os.urandom(6 << 20)
    one = dropped(peer, content)
    assert peer.bucket.copy(one, StoreKey("rejected/maps/page.tif"))
    copy = peer.bucket.find(StoreKey("rejected/maps/page.tif"))
    assert copy is not None
    assert opened(peer, copy) == content
    peer.drop(KEY, content[::-1])
    assert not peer.bucket.copy(one, StoreKey("rejected/maps/other.tif"))
    assert peer.bucket.find(StoreKey("rejected/maps/other.tif")) is None


def test_a_listing_goes_on_where_a_page_ends(monkeypatch: pytest.MonkeyPatch):
    peer = PEERS["s3 of Ceph"]()
    monkeypatch.setattr(Bucket.objects, "__defaults__", (2,))
    names = [f"inbox/maps/{number}/\u00e9 +%.tif" for number in range(5)]
    for name in names:
        peer.drop(name, b"page")
    assert peer.keys("inbox/") == names


def test_a_probe_leaves_nothing_that_is_listed(peer: Peer):
    assert peer.bucket.probe()
    assert peer.keys() == []
