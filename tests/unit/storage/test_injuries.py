"""Injuries: chosen by a seed, each is damage, and what is said to have been done was done."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ordeals.forging import shelf
from support.memory_store import MemoryInjurer, MemoryStore
from support.versions import Room

from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.injuries import Injury, InjuryKind, choose_injuries, injure
from storage.restore.description import describe

PAYLOAD = {f"page {number} 100%.tif": f"page {number}\n".encode() * (number + 1) for number in range(12)}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep(PAYLOAD, 1)
    return room


def first_of(room: Room) -> tuple[MemoryStore, MemoryInjurer]:
    store = room.stores[0]
    assert isinstance(store, MemoryStore)
    return store, MemoryInjurer(store)


def test_the_same_seed_chooses_the_same_and_another_seed_others(room: Room):
    store, _ = first_of(room)
    assert choose_injuries(store, 7, 7) == choose_injuries(store, 7, 7)
    assert choose_injuries(store, 7, 7) != choose_injuries(store, 8, 7)
    assert {one.kind for one in choose_injuries(store, 7, 7)} <= set(InjuryKind)


def test_choosing_changes_nothing_and_an_empty_store_has_nothing_to_injure(room: Room):
    store, _ = first_of(room)
    before = dict(store.shelf.kept)
    choose_injuries(store, 7, 7)
    assert store.shelf.kept == before
    empty = MemoryStore(StoreName("empty"), store.place)
    assert choose_injuries(empty, 7, 7) == []


@pytest.mark.parametrize("seed", range(12))
def test_each_injury_changes_the_files_that_it_names_and_no_others(room: Room, seed: int):
    store, injurer = first_of(room)
    for injury in choose_injuries(store, seed, 4):
        before = dict(store.shelf.kept)
        said = injure(store, injurer, injury)
        now = store.shelf.kept
        changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        if injury.kind is InjuryKind.FORGED:
            beside = {key.removeprefix(f"{injury.package}/") for key in changed - set(injury.keys)}
            assert beside
            assert all(name.startswith(("manifest-", "tagmanifest-")) for name in beside)
            assert f"and {len(beside)} manifest" in said
        else:
            assert changed == set(injury.keys)


def test_every_kind_comes_with_enough_of_them(room: Room):
    store, _ = first_of(room)
    room.keep({"other.tif": b"other"}, 2)
    seeds = range(10)
    found = {one.kind for seed in seeds for one in choose_injuries(store, seed, 7)}
    assert found == set(InjuryKind)


def test_a_forged_version_fits_its_own_manifests(room: Room):
    store, injurer = first_of(room)
    before = describe(store, room.package(1))
    injury = next(
        one for seed in range(50) for one in choose_injuries(store, seed, 7) if one.kind is InjuryKind.FORGED
    )
    injure(store, injurer, injury)
    forged = describe(store, room.package(1))
    assert forged.tag_digests != before.tag_digests
    for path, digest in forged.payload.items():
        content = store.shelf.kept[StoreKey(f"{room.package(1)}/{path}")]
        assert hashlib.new(forged.algorithm.value, content).hexdigest() == digest
    assert shelf(room, 1) != shelf(room, 0)


def test_what_is_full_of_zeros_is_damaged_all_the_same(tmp_path: Path):
    room = Room(tmp_path)
    room.keep({"zeros.bin": bytes(9000)}, 1)
    store, injurer = first_of(room)
    key = StoreKey(f"{room.package(1)}/data/originals/zeros.bin")
    said = injure(store, injurer, Injury(InjuryKind.ZEROED, (key,), 0.5))
    assert "flipped" in said
    assert store.shelf.kept[key] != bytes(9000)
