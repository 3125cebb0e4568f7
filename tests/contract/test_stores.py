"""What every store must do. A new store joins in ``store_peers``; nothing here needs to change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.plans import SHEET
from support.store_peers import PEERS, SLOW, Peer

from preservation.errors import (
    AlreadyExistsError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    SourceChangedError,
)
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit, KeptFile


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Peer:
    return PEERS[request.param](tmp_path)


AWKWARD = re.compile(r"[^A-Za-z0-9._/ -]")
"""What is in the names of about 150 of the corpora's files: punctuation, quotes, letters beyond ASCII."""

MANY_FILES = pytest.mark.parametrize(
    "peer",
    [pytest.param(name, marks=pytest.mark.soak) if name in SLOW else name for name in sorted(PEERS)],
    indirect=True,
)


def test_what_was_created_is_read_back_byte_for_byte(peer: Peer):
    peer.keep({"maps/a/v1/x.tif": b"\x00\xff bytes"})
    assert peer.content("maps/a/v1/x.tif") == b"\x00\xff bytes"


def test_an_empty_file_is_a_file(peer: Peer):
    peer.keep({"maps/a/v1/empty": b""})
    assert peer.content("maps/a/v1/empty") == b""
    assert peer.store.stat(StoreKey("maps/a/v1/empty")) == KeptFile(StoreKey("maps/a/v1/empty"), 0)


def test_a_large_file_comes_back_whole(peer: Peer):
    content = os.urandom(1 << 20) * 33 + b"and a little more"
    peer.keep({"maps/a/v1/large": content})
    assert peer.content("maps/a/v1/large") == content
    assert peer.store.stat(StoreKey("maps/a/v1/large")).size == len(content)


@MANY_FILES
@pytest.mark.parametrize("files", [150, pytest.param(700, marks=pytest.mark.soak)])
def test_a_batch_of_many_small_files_is_created_in_one_call(peer: Peer, files: int):
    contents = {f"maps/a/v1/{number % 7}/{number:04}": str(number).encode() for number in range(files)}
    peer.keep(contents)
    assert {key: peer.content(key) for key in peer.listed("maps/a/v1")} == contents


def test_whoever_watches_is_told_of_every_file_and_byte_that_was_created(peer: Peer):
    told: list[tuple[int, int]] = []
    contents = {"maps/a/v1/empty": b"", "maps/a/v1/small": b"abc", "maps/a/v1/large": bytes(20 << 20)}
    deposits = [
        replace(peer.deposit(key, content), written=lambda files, size: told.append((files, size)))
        for key, content in contents.items()
    ]
    peer.store.create(deposits)
    assert [sum(figures) for figures in zip(*told, strict=True)] == [3, (20 << 20) + 3]


def test_creating_nothing_changes_nothing(peer: Peer):
    peer.store.create([])
    assert peer.listed() == []


def test_a_key_that_is_taken_is_never_overwritten(peer: Peer):
    peer.keep({"maps/a/v1/x": b"first"})
    with pytest.raises(AlreadyExistsError, match=r"first.*maps/a/v1/x"):
        peer.keep({"maps/a/v1/x": b"second"})
    assert peer.content("maps/a/v1/x") == b"first"


def test_one_key_twice_in_one_batch_is_refused(peer: Peer):
    deposits = [peer.deposit("maps/a/v1/x", b"first"), peer.deposit("maps/a/v1/x", b"second")]
    with pytest.raises(AlreadyExistsError):
        peer.store.create(deposits)
    assert peer.content("maps/a/v1/x") in {b"first", b"second"}


@pytest.mark.parametrize("creators", [5, pytest.param(16, marks=pytest.mark.soak)])
def test_of_racing_creators_of_one_key_exactly_one_wins(peer: Peer, creators: int):
    deposits = [peer.deposit("maps/a/v1/x", str(number).encode()) for number in range(creators)]

    def won(deposit: Deposit) -> bool:
        try:
            peer.store.create([deposit])
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        wins = list(threads.map(won, deposits))
    assert wins.count(True) == 1
    assert peer.content("maps/a/v1/x") == str(wins.index(True)).encode()


def test_racing_creators_of_different_keys_in_one_new_folder_all_succeed(peer: Peer):
    deposits = [peer.deposit(f"maps/a/v1/deep/down/{number}", b"x") for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda deposit: peer.store.create([deposit]), deposits))
    assert len(peer.listed("maps/a/v1")) == 24


def test_a_missing_key_is_not_found_and_named(peer: Peer):
    peer.keep({"maps/a/v1/x": b"x"})
    for act in (peer.store.open, peer.store.stat):
        with pytest.raises(NotFoundError, match=r"first.*maps/a/v1/y"):
            act(StoreKey("maps/a/v1/y"))


def test_a_prefix_is_no_file(peer: Peer):
    peer.keep({"maps/a/v1/x": b"x"})
    for act in (peer.store.open, peer.store.stat):
        with pytest.raises(NotFoundError):
            act(StoreKey("maps/a/v1"))


def test_listing_yields_keys_with_sizes_in_the_order_of_their_bytes(peer: Peer):
    keys = ["b", "a/v1/data.txt", "a/v1/data/x", "a/v1/data-2", "a/v1/Z", "a/v1/\u00e9", "a/v1/z", "a0"]
    peer.keep({key: b"x" * number for number, key in enumerate(keys)})
    assert list(peer.store.list()) == [
        KeptFile(StoreKey(key), keys.index(key)) for key in sorted(keys, key=str.encode)
    ]


def test_listing_a_version_does_not_list_its_siblings(peer: Peer):
    peer.keep({"maps/a/v1/x": b"", "maps/a/v10/x": b"", "maps/a/v1.txt": b"", "maps/ab/v1/x": b""})
    assert peer.listed("maps/a/v1") == ["maps/a/v1/x"]
    assert peer.listed("maps/a") == ["maps/a/v1.txt", "maps/a/v1/x", "maps/a/v10/x"]


def test_listing_where_nothing_is_yields_nothing(peer: Peer):
    assert peer.listed() == []
    assert peer.listed("maps/a/v1") == []


@pytest.mark.parametrize(
    "key", [".incoming/x", ".hidden", "../outside", "maps/../../outside", "/etc/passwd", ""]
)
def test_keys_of_the_stores_own_and_keys_that_climb_out_are_denied(peer: Peer, key: str):
    source = peer.workspace / "source"
    source.write_bytes(b"x")
    with pytest.raises(DeniedError, match="cannot be a key"):
        peer.store.create([Deposit(StoreKey(key), source, 1)])
    with pytest.raises(DeniedError):
        peer.store.open(StoreKey(key))
    assert peer.listed() == []


def test_names_below_the_first_segment_may_look_like_the_stores_own(peer: Peer):
    contents = {"maps/a/v1/.incoming/lock": b"1", "maps/a/v1/data/.incoming": b"2", "maps/.x/v1/0": b"3"}
    peer.keep(contents)
    assert {key: peer.content(key) for key in peer.listed()} == contents


@MANY_FILES
def test_names_that_other_archives_found_awkward_come_back_as_they_are(
    peer: Peer, corpora_manifest: list[dict[str, str]]
):
    awkward = [row["path"] for row in corpora_manifest if AWKWARD.search(row["path"])]
    contents = {f"maps/names/v1/data/originals/{path}": path.encode() for path in awkward}
    assert len(contents) > 100
    peer.keep(contents)
    assert peer.listed() == sorted(contents, key=str.encode)
    assert {key: peer.content(key) for key in contents} == contents


def test_a_source_that_is_gone_is_told_from_a_faulty_store_and_leaves_nothing(peer: Peer):
    gone = peer.deposit("maps/a/v1/gone.tif", b"x")
    gone.source.unlink()
    with pytest.raises(SourceChangedError, match=gone.source.name):
        peer.store.create([gone])
    assert peer.listed() == []


@pytest.mark.parametrize("size", [0, 3, 5, 1 << 40])
def test_a_source_of_another_size_than_promised_leaves_nothing(peer: Peer, size: int):
    source = peer.workspace / "source"
    source.write_bytes(b"four")
    with pytest.raises(SourceChangedError, match="changed after it was surveyed"):
        peer.store.create([Deposit(StoreKey("maps/a/v1/x"), source, size)])
    assert peer.listed() == []


@MANY_FILES
def test_after_a_failure_in_the_midst_of_a_batch_only_whole_files_are_seen_and_the_rest_can_follow(
    peer: Peer,
):
    contents = {f"maps/a/v1/{number:03}": f"content {number}".encode() * 50 for number in range(100)}
    deposits = [peer.deposit(key, content) for key, content in contents.items()]
    deposits[60].source.rename(peer.workspace / "away")
    with pytest.raises(SourceChangedError):
        peer.store.create(deposits)
    seen = set(peer.listed("maps/a/v1"))
    assert all(peer.content(key) == contents[key] for key in seen)
    (peer.workspace / "away").rename(deposits[60].source)
    peer.store.create(deposit for deposit in deposits if deposit.key not in seen)
    assert {key: peer.content(key) for key in peer.listed("maps/a/v1")} == contents


def test_where_the_deposits_themselves_break_off_only_whole_files_are_seen(peer: Peer):
    def broken_off() -> Iterator[Deposit]:
        yield peer.deposit("maps/a/v1/x", b"whole")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        peer.store.create(broken_off())
    assert all(peer.content(key) == b"whole" for key in peer.listed())


def test_a_location_names_the_package_for_people(peer: Peer):
    assert peer.store.location(SHEET.prefix).endswith("maps/sheet-012/v1")


def test_a_probe_leaves_nothing_that_is_listed(peer: Peer):
    assert peer.store.probe()
    assert peer.listed() == []


def test_what_was_never_committed_can_be_discarded_and_its_siblings_stay(peer: Peer):
    prefix = SHEET.prefix
    peer.keep({f"{prefix}/data/deep/x": b"x", f"{prefix}/bagit.txt": b"x", f"{prefix}0/bagit.txt": b"x"})
    peer.purger.discard_uncommitted(SHEET)
    assert peer.listed() == [f"{prefix}0/bagit.txt"]
    peer.keep({f"{prefix}/bagit.txt": b"again"})
    assert peer.content(f"{prefix}/bagit.txt") == b"again"


def test_a_bag_in_the_payload_does_not_make_a_version_committed(peer: Peer):
    peer.keep({f"{SHEET.prefix}/data/originals/tagmanifest-md5.txt": b"x"})
    peer.purger.discard_uncommitted(SHEET)
    assert peer.listed() == []


def test_discarding_where_nothing_is_does_nothing(peer: Peer):
    peer.purger.discard_uncommitted(SHEET)
    assert peer.listed() == []


def test_a_committed_version_is_never_discarded(peer: Peer):
    contents = {f"{SHEET.prefix}/data/x": b"x", f"{SHEET.prefix}/tagmanifest-sha512.txt": b"x"}
    peer.keep(contents)
    with pytest.raises(IntegrityError, match=r"first.*maps/sheet-012/v1"):
        peer.purger.discard_uncommitted(SHEET)
    assert {key: peer.content(key) for key in peer.listed()} == contents
