"""What a provider states is compared with what was kept: what differs is found, and nothing is confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from support.memory_store import MemoryProvider, MemoryStore
from support.versions import Room

from preservation.model.digests import Algorithm, HexDigest
from preservation.model.paths import StoreKey
from storage.audits.promises import promises_of
from storage.audits.provider import CataloguedFile, StatedReplica, stated_replica
from storage.tag_digests import recorded_digests

FIRST = {"cover.tif": b"the cover", "page 1.tif": b"page one", "sub/a.txt": b"in a folder"}
SECOND = {**FIRST, "page 2.tif": b"page two"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep(FIRST, 1)
    room.keep(SECOND, 2)
    return room


@pytest.fixture
def store(room: Room) -> MemoryStore:
    return cast("MemoryStore", room.stores[1])


def stated(room: Room, provider: MemoryProvider, number: int = 1) -> StatedReplica:
    package = room.package(number)
    recorded = recorded_digests(room.catalogue, room.journal, package)
    files = {file.path: CataloguedFile(file.size, file.digests) for file in room.catalogue.files(package)}
    with promises_of(package, room.stores[:1], recorded.digests, room.root) as promises:
        return stated_replica(provider, promises, files)


def key(room: Room, path: str) -> StoreKey:
    return StoreKey(f"{room.package(1).prefix}/data/originals/{path}")


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_stated_as_it_was_kept_agrees_file_by_file(room: Room, store: MemoryStore, number: int):
    found = stated(room, MemoryProvider(store), number)
    files = len(list(store.list(room.package(number).prefix)))
    assert (found.agreeing, found.silent, found.differing) == (files, 0, 0)


def test_a_provider_that_states_no_digest_that_was_kept_is_silent_and_its_sizes_are_compared(
    room: Room, store: MemoryStore
):
    provider = MemoryProvider(store, [Algorithm.SHA1])
    found = stated(room, provider)
    assert (found.agreeing, found.differing) == (0, 0)
    assert found.silent == len(list(store.list(room.package(1).prefix)))
    store.shelf.kept[key(room, "cover.tif")] = b"the cover, and more"
    found = stated(room, provider)
    assert found.differing == 1
    assert "states 19 bytes of" in found.sentences[0]
    assert "9 were kept" in found.sentences[0]


def test_other_bytes_a_file_that_is_gone_and_one_more_differ(room: Room, store: MemoryStore):
    store.shelf.kept[key(room, "cover.tif")] = b"THE COVER"
    del store.shelf.kept[key(room, "page 1.tif")]
    store.shelf.kept[key(room, "zzz")] = b"a stray"
    found = stated(room, MemoryProvider(store))
    assert found.differing == 3
    said = " ".join(found.sentences)
    assert "the sha256" in said
    assert "no file" in said
    assert "which no manifest names" in said


def test_a_provider_that_states_what_it_was_told_and_not_what_it_has_agrees_and_that_confirms_nothing(
    room: Room, store: MemoryStore
):
    provider = MemoryProvider(store)
    provider.said = {one.key: one.digests for one in provider.stated(room.package(1).prefix)}
    store.shelf.kept[key(room, "cover.tif")] = b"THE COVER"
    found = stated(room, provider)
    assert found.differing == 0
    assert not hasattr(found, "confirmed")


def test_a_wrong_statement_about_bytes_that_are_as_they_were_kept_differs(room: Room, store: MemoryStore):
    provider = MemoryProvider(store)
    provider.said = {key(room, "cover.tif"): {Algorithm.SHA256: HexDigest("00" * 32)}}
    assert stated(room, provider).differing == 1
