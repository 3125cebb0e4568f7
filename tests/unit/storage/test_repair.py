"""One replica is repaired, file by file, from others that have each file as it was kept; else nothing is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from fakes import UnreadableStore, VanishingStore, ending
from ordeals.forging import shelf
from support.forgeries import forge
from support.memory_store import MemoryInjurer, MemoryQuarantine, MemoryReplacer, MemoryStore
from support.replica_damage import damages_between
from support.versions import NOW, Room

from preservation.errors import DeniedError
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.injuries import choose_injuries, injure
from storage.ports.replacers import NOTHING_THERE, OTHER_BYTES, Quarantine, Replacement
from storage.ports.stores import Deposit, Store
from storage.repair import (
    AsKept,
    Healable,
    Healed,
    NoGoodReplica,
    NotHealed,
    RepairOutcome,
    ReplicaRepair,
    TakenAway,
)
from storage.tag_digests import recorded_digests

FIRST = {
    "cover.tif": b"the cover",
    "page 1.tif": b"page one",
    "empty.txt": b"",
    "sub/100 %.txt": b"in a folder",
}
SECOND = {**FIRST, "page 2.tif": b"page two"}
COVER = "data/originals/cover.tif"
COMMIT = "tagmanifest-sha256.txt"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep(FIRST, 1)
    room.keep(SECOND, 2)
    return room


class Bench:
    """The first store of a room as it was kept, and its repair from the second."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.quarantine = MemoryQuarantine()
        self.before = [dict(shelf(room, index)) for index in (0, 1)]
        self.seen: list[tuple[str, str]] = []
        self.scratch = room.root / "scratch"
        self.scratch.mkdir()

    @property
    def now(self) -> dict[StoreKey, bytes]:
        return shelf(self.room, 0)

    def key(self, path: str, number: int = 1) -> StoreKey:
        return StoreKey(f"{self.room.package(number)}/{path}")

    def damages(self, number: int = 1) -> list[Damage]:
        store = self.room.stores[0].name
        found = damages_between(store, self.before[0], self.now)
        return [one for one in found if one.package == self.room.package(number)]

    def repair(
        self,
        number: int = 1,
        damages: list[Damage] | None = None,
        others: list[Store] | None = None,
        *,
        dry_run: bool = False,
        replacer: MemoryReplacer | None = None,
    ) -> list[RepairOutcome]:
        package = self.room.package(number)
        target = self.room.stores[0]
        assert isinstance(target, MemoryStore)
        order = ReplicaRepair(
            package,
            target,
            replacer or MemoryReplacer(target),
            others if others is not None else list(self.room.stores[1:]),
            partial(self.room.catalogue.files, package),
            recorded_digests(self.room.catalogue, self.room.journal, package).digests,
            self.quarantine,
            self.scratch,
            2,
            lambda: NOW,
            lambda store, why: self.seen.append((store, why)),
        )
        outcomes = list(order.run(self.damages(number) if damages is None else damages, dry_run=dry_run))
        assert list(self.scratch.iterdir()) == []
        return outcomes


@pytest.fixture
def bench(room: Room) -> Bench:
    return Bench(room)


def kinds(outcomes: list[RepairOutcome]) -> list[type[RepairOutcome]]:
    return [type(one) for one in outcomes]


@pytest.mark.parametrize("path", [COVER, "metadata/premis.xml", "manifest-sha256.txt", COMMIT])
@pytest.mark.parametrize("bad", [b"other bytes", b"", None])
def test_a_damaged_file_is_put_there_as_it_was_kept(bench: Bench, path: str, bad: bytes | None):
    if bad is None:
        del bench.now[bench.key(path)]
    else:
        bench.now[bench.key(path)] = bad
    [outcome] = bench.repair()
    assert isinstance(outcome, Healed)
    completed = path == COMMIT and bad is None
    assert (outcome.source, outcome.replaced) == (None if completed else "second", bad is not None)
    assert bench.now == bench.before[0]
    why = NOTHING_THERE if bad is None else OTHER_BYTES
    assert bench.quarantine.kept == [(bench.key(path), bad or b"", why)]
    assert bench.seen == []


@pytest.mark.parametrize("seed", range(10))
def test_injuries_of_every_kind_are_repaired(bench: Bench, room: Room, seed: int):
    store = room.stores[0]
    assert isinstance(store, MemoryStore)
    done = choose_injuries(store, seed, 4)
    for injury in done:
        injure(store, MemoryInjurer(store), injury)
    for number in (1, 2):
        outcomes = bench.repair(number)
        assert set(kinds(outcomes)) <= {Healed, TakenAway}, [injury.kind for injury in done]
    assert bench.now == bench.before[0]
    assert shelf(room, 1) == bench.before[1]


def test_the_tag_manifest_comes_last(bench: Bench):
    acts: list[str] = []

    class Watched(MemoryReplacer):
        def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
            acts.append(deposit.key)
            return super().replace(deposit, expected, quarantine)

    target = bench.room.stores[0]
    assert isinstance(target, MemoryStore)
    for path in (COMMIT, COVER, "metadata/premis.xml"):
        bench.now[bench.key(path)] = b"bad"
    outcomes = bench.repair(replacer=Watched(target))
    assert kinds(outcomes) == [Healed] * 3
    assert acts[-1] == bench.key(COMMIT)


def test_the_tag_manifest_stays_away_while_another_file_could_not_be_repaired(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    del bench.now[bench.key(COMMIT)]
    shelf(bench.room, 1)[bench.key(COVER)] = b"bad too"
    outcomes = bench.repair()
    assert kinds(outcomes) == [NoGoodReplica, NotHealed]
    assert bench.key(COMMIT) not in bench.now


def test_a_version_is_not_committed_before_all_of_it_is_as_it_was_kept(bench: Bench):
    for path in (COVER, COMMIT):
        del bench.now[bench.key(path)]
    [_, commit] = bench.damages()
    [outcome] = bench.repair(damages=[commit])
    assert isinstance(outcome, Healed)
    # It was completed: what is missing of a version that is to exist comes with it.
    assert bench.now == bench.before[0]
    for path in (COVER, COMMIT):
        bench.now[bench.key(path)] = b"bad"
    del bench.now[bench.key(COMMIT)]
    [_, commit] = bench.damages()
    [outcome] = bench.repair(damages=[commit])
    assert isinstance(outcome, NotHealed)
    assert bench.key(COMMIT) not in bench.now
    assert bench.now[bench.key(COVER)] == b"bad"


def test_a_source_that_is_damaged_in_the_same_file_is_not_copied(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    shelf(bench.room, 1)[bench.key(COVER)] = b"the COVER"
    [outcome] = bench.repair()
    assert isinstance(outcome, NoGoodReplica)
    assert [(one.store, one.size) for one in outcome.salvage] == [("second", 9), ("first", 3)]
    assert bench.now[bench.key(COVER)] == b"bad"
    assert bench.quarantine.kept == []
    assert [store for store, _ in bench.seen] == ["second"]


def test_a_third_replica_gives_what_the_second_has_damaged(bench: Bench):
    third = MemoryStore(StoreName("third"), bench.room.stores[1].place)
    third.shelf.kept |= bench.before[1]
    bench.now[bench.key(COVER)] = b"bad"
    shelf(bench.room, 1)[bench.key(COVER)] = b"the COVER"
    [outcome] = bench.repair(others=[bench.room.stores[1], third])
    assert isinstance(outcome, Healed)
    assert outcome.source == "third"
    assert bench.now == bench.before[0]


def test_each_of_two_replicas_gives_what_the_other_has_damaged(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    for path in ("manifest-sha256.txt", COMMIT):
        shelf(bench.room, 1)[bench.key(path)] = b"bad"
    # The lists of the first store are the only ones that are as they were kept.
    assert kinds(bench.repair()) == [Healed]
    assert bench.now == bench.before[0]


def test_a_source_that_was_forged_with_its_manifests_is_not_copied(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    forge(shelf(bench.room, 1), bench.room.package(1), COVER, b"a forged cover")
    [outcome] = bench.repair()
    assert isinstance(outcome, NoGoodReplica)
    assert bench.now[bench.key(COVER)] == b"bad"


def test_what_has_become_sound_in_between_is_left_alone(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    damages = bench.damages()
    bench.now[bench.key(COVER)] = FIRST["cover.tif"]
    for source in (FIRST["cover.tif"], b"bad"):
        shelf(bench.room, 1)[bench.key(COVER)] = source
        assert kinds(bench.repair(damages=damages)) == [AsKept]
        assert kinds(bench.repair(damages=damages, dry_run=True)) == [AsKept]
    assert bench.quarantine.kept == []


def test_a_dry_run_reads_and_changes_nothing(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    bench.now[bench.key("data/stray")] = b"stray"
    bench.now[bench.key("data/originals/page 1.tif")] = b"bad"
    shelf(bench.room, 1)[bench.key("data/originals/page 1.tif")] = b"bad"
    hurt = dict(bench.now)
    outcomes = bench.repair(dry_run=True)
    assert {one.damage.path: type(one) for one in outcomes} == {
        COVER: Healable,
        "data/stray": Healable,
        "data/originals/page 1.tif": NoGoodReplica,
    }
    assert bench.now == hurt
    assert bench.quarantine.kept == []


def test_an_unexpected_file_is_taken_away_also_where_its_bytes_belong_in_an_earlier_version(bench: Bench):
    bench.now[bench.key("data/stray", 2)] = b"stray"
    bench.now[bench.key(COVER, 2)] = b"the cover"
    outcomes = bench.repair(2)
    assert kinds(outcomes) == [TakenAway, TakenAway]
    assert bench.now == bench.before[0]


def test_what_a_manifest_names_is_never_taken_away(bench: Bench):
    [kept] = damages_between(bench.room.stores[0].name, {}, {bench.key(COVER): b"the cover"})
    assert kept.kind is DamageKind.UNEXPECTED
    assert kinds(bench.repair(damages=[kept])) == [AsKept]
    assert bench.now == bench.before[0]


def test_what_no_manifest_names_is_not_put_there(bench: Bench):
    bench.now[bench.key("data/stray")] = b"stray"
    [stray] = bench.damages()
    [outcome] = bench.repair(damages=[replace(stray, kind=DamageKind.MISMATCHED)])
    assert isinstance(outcome, NotHealed)
    assert bench.now[bench.key("data/stray")] == b"stray"


def test_a_replica_of_which_nothing_is_left_is_filled(bench: Bench):
    for key in [key for key in bench.now if "/v2/" in key]:
        del bench.now[key]
    damages = bench.damages(2)
    assert set(kinds(bench.repair(2, dry_run=True))) == {Healable}
    outcomes = bench.repair(2)
    assert set(kinds(outcomes)) == {Healed}
    assert [one.damage for one in outcomes] == damages
    assert bench.now == bench.before[0]


def test_a_replica_that_was_gone_as_a_whole_is_completed_where_filling_it_was_cut_short(bench: Bench):
    [whole] = damages_between(bench.room.stores[0].name, {bench.key(""): b""}, {})
    keys = [key for key in bench.now if "/v1/" in key]
    for key in keys:
        del bench.now[key]
    for filled in range(len(keys) + 1):
        for key in keys:
            bench.now.pop(key, None)
        # The tag manifest comes last.
        rest = sorted(keys, key=lambda key: key.endswith(COMMIT))[:filled]
        bench.now.update({key: bench.before[0][key] for key in rest})
        [outcome] = bench.repair(damages=[whole])
        assert isinstance(outcome, AsKept if filled == len(keys) else Healed)
        assert bench.now == bench.before[0]


def test_where_no_other_store_answers_nothing_is_touched(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    [outcome] = bench.repair(others=[VanishingStore(bench.room.stores[1], 0)])
    assert isinstance(outcome, NotHealed)
    assert "does not answer" in outcome.reason
    assert bench.now[bench.key(COVER)] == b"bad"


def test_a_source_that_cannot_be_read_is_no_good_replica(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    [outcome] = bench.repair(others=[UnreadableStore(bench.room.stores[1], ending("cover.tif"))])
    assert isinstance(outcome, NoGoodReplica)


def test_a_store_that_is_away_is_not_repaired(bench: Bench):
    bench.now[bench.key(COVER)] = b"bad"
    damages = bench.damages()
    target = bench.room.stores[0]
    assert isinstance(target, MemoryStore)
    target.shelf.identity = None
    [outcome] = bench.repair(damages=damages)
    assert isinstance(outcome, NotHealed)
    assert bench.now[bench.key(COVER)] == b"bad"


def test_a_store_that_lets_nothing_be_replaced_says_so(bench: Bench):
    class Locked(MemoryReplacer):
        def replace(self, deposit: Deposit, *_: object) -> Replacement:
            raise DeniedError(f"store {self.name}: {deposit.key} is locked; take the lock off")

    target = bench.room.stores[0]
    assert isinstance(target, MemoryStore)
    bench.now[bench.key(COVER)] = b"bad"
    [outcome] = bench.repair(replacer=Locked(target))
    assert isinstance(outcome, NotHealed)
    assert "take the lock off" in outcome.reason


def test_what_does_not_read_back_as_it_was_written_is_not_healed(bench: Bench):
    class Wearing(MemoryReplacer):
        def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
            done = super().replace(deposit, expected, quarantine)
            bench.now[deposit.key] = b"worn out"
            return done

    target = bench.room.stores[0]
    assert isinstance(target, MemoryStore)
    bench.now[bench.key(COVER)] = b"bad"
    [outcome] = bench.repair(replacer=Wearing(target))
    assert isinstance(outcome, NotHealed)
    assert "does not read back" in outcome.reason
