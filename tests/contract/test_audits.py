"""What every keeper of the state of audits must do, the one in memory first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from services.databases import ENGINES, database_url
from support.memory_audits import MemoryAudits
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_registration, an_event, package_named, sha256_of

from preservation.errors import NotFoundError, UnavailableError
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, PackageId, StoreName, new_store_identity
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from storage.audits.sql import SqlAudits
from storage.catalogue.sql import SqlCatalogue
from storage.database.opening import open_database
from storage.journal.sql import SqlJournal
from storage.ports.audits import (
    AuditedReplica,
    Audits,
    Claimant,
    DamageState,
    ReadReplica,
    RepairApproval,
    Scope,
)
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal

EAST, WEST = StoreName("east"), StoreName("west")
MAPS = CollectionName("maps")
ONE, OTHER = Claimant("one"), Claimant("other")
DAY = timedelta(days=1)
NOW = MOMENT + 100 * DAY
SOON = NOW + timedelta(minutes=10)


@dataclass
class State:
    audits: Audits
    catalogue: Catalogue
    journal: Journal


@pytest.fixture(params=["memory", *ENGINES])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    match request.param:
        case "memory":
            journal = MemoryJournal()
            catalogue = MemoryCatalogue(journal)
            yield State(MemoryAudits(catalogue, journal), catalogue, journal)
        case engine:
            with open_database(database_url(engine, request, tmp_path)) as database:
                yield State(SqlAudits(database), SqlCatalogue(database), SqlJournal(database))


@pytest.fixture
def audits(state: State) -> Audits:
    """Of five sheets in two stores: a file of 100 bytes in the first, and so on; the last is the oldest."""
    for number in range(1, 6):
        one = a_registration(f"maps/sheet-{number}/v1", f"{number:02}")
        replicas = tuple(
            Replica(store, "there", MOMENT - number * DAY, number, 100 * number) for store in (EAST, WEST)
        )
        state.catalogue.register(replace(one, replicas=replicas), ())
    return state.audits


def sheet(number: int) -> PackageId:
    return package_named(f"maps/sheet-{number}/v1")


def scope(before_days: int = 0, store: StoreName = EAST) -> Scope:
    return Scope(store, MAPS, MOMENT - before_days * DAY)


def claimed(audits: Audits, by: Claimant = ONE, most: int = 10, most_bytes: int = 10**6) -> list[PackageId]:
    found = audits.claim(by, [scope()], most_replicas=most, most_bytes=most_bytes, at=NOW, until=SOON)
    return [one.package for one in found]


def damage(number: int, path: str = "data/a", kind: DamageKind = DamageKind.MISMATCHED) -> Damage:
    promised = {Algorithm.SHA256: sha256_of("kept")}
    found = {Algorithm.SHA256: sha256_of("found")}
    return Damage(sheet(number), EAST, BagPath(path), kind, NOW, promised, 4, found, 5)


def read(replica: AuditedReplica, *damages: Damage) -> ReadReplica:
    return ReadReplica(replica, NOW, NOW, damages)


def test_what_was_read_before_a_moment_is_counted(audits: Audits):
    everything = audits.unread(scope())
    assert (everything.replicas, everything.files, everything.bytes) == (5, 15, 1500)
    assert everything.oldest == MOMENT - 5 * DAY
    assert audits.unread(scope(3)).replicas == 2
    nothing = audits.unread(scope(5))
    assert (nothing.replicas, nothing.files, nothing.bytes, nothing.oldest) == (0, 0, 0, None)
    assert audits.unread(Scope(EAST, CollectionName("plans"), NOW)).replicas == 0


def test_what_was_read_again_today_is_counted_and_what_was_only_written_is_not(audits: Audits):
    found = audits.claim(ONE, [scope(3)], most_replicas=9, most_bytes=10**9, at=NOW, until=SOON)
    audits.conclude([read(one) for one in found], [])
    today = audits.read_since(EAST, MAPS, MOMENT)
    assert (today.replicas, today.files, today.bytes) == (2, 9, 900)
    assert audits.read_since(WEST, MAPS, MOMENT - 9 * DAY).replicas == 0
    assert audits.read_since(EAST, MAPS, NOW + DAY).replicas == 0


def test_the_longest_unread_come_first_and_nobody_else_gets_them(audits: Audits):
    assert claimed(audits, most=2) == [sheet(5), sheet(4)]
    assert claimed(audits, OTHER) == [sheet(3), sheet(2), sheet(1)]
    assert claimed(audits) == []
    assert set(audits.claimants()) == {ONE, OTHER}
    audits.release(OTHER)
    assert audits.claimants() == (ONE,)
    assert claimed(audits) == [sheet(3), sheet(2), sheet(1)]


def test_a_claim_is_cut_at_the_bytes_but_for_one_that_is_larger_alone(audits: Audits):
    assert claimed(audits, most_bytes=300) == [sheet(5)]
    assert claimed(audits, most_bytes=750) == [sheet(4), sheet(3)]
    limits = {"most_replicas": 9, "most_bytes": 199, "larger_alone": False}
    assert audits.claim(ONE, [scope()], at=NOW, until=SOON, **limits) == ()


def test_a_claim_is_cut_at_the_files_but_for_one_that_has_more_alone(audits: Audits):
    limits = {"most_replicas": 9, "most_bytes": 10**9, "at": NOW, "until": SOON}
    assert audits.claim(ONE, [scope()], **limits, most_files=4, larger_alone=False) == ()
    found = [
        [one.package for one in audits.claim(ONE, [scope()], **limits, most_files=most)] for most in (4, 7)
    ]
    assert found == [[sheet(5)], [sheet(4), sheet(3)]]


def test_the_next_scope_is_served_where_the_first_has_nothing(audits: Audits):
    found = audits.claim(
        ONE, [scope(9), scope(4, WEST)], most_replicas=9, most_bytes=10**9, at=NOW, until=SOON
    )
    assert [(one.package, one.store) for one in found] == [(sheet(5), WEST)]


def test_a_claim_is_over_after_its_time_and_one_from_a_clock_that_was_ahead_counts_not(audits: Audits):
    assert len(claimed(audits)) == 5
    later = audits.claim(OTHER, [scope()], most_replicas=9, most_bytes=10**9, at=SOON, until=SOON + DAY)
    assert len(later) == 5
    # The clock was a day ahead then.
    assert len(claimed(audits)) == 5


def test_a_claim_holds_against_who_asked_the_time_a_moment_before_it_was_made(audits: Audits):
    assert len(claimed(audits)) == 5
    # As whoever waits for the database does, or has a clock that is a little behind.
    before = NOW - timedelta(seconds=2)
    until = SOON - timedelta(seconds=2)
    assert audits.claim(OTHER, [scope()], most_replicas=9, most_bytes=10**9, at=before, until=until) == ()
    assert audits.claim_package(OTHER, sheet(2), EAST, at=before, until=until) is None


def test_two_that_claim_at_once_share_and_never_read_twice(state: State):
    for number in range(60):
        one = a_registration(f"maps/many-{number}/v1", f"{number:04}")
        state.catalogue.register(replace(one, replicas=(Replica(EAST, "there", MOMENT, 1, 1),)), ())
    scopes = [Scope(EAST, MAPS, NOW)]

    def work(claimant: str) -> list[PackageId]:
        mine: list[PackageId] = []
        while found := state.audits.claim(
            Claimant(claimant), scopes, most_replicas=5, most_bytes=10**9, at=NOW, until=SOON
        ):
            mine += [one.package for one in found]
        return mine

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(work, "abcd"))
    assert set(Counter(package for share in shares for package in share).values()) == {1}
    assert sum(map(len, shares)) == 60


def test_one_replica_is_claimed_by_name(audits: Audits):
    found = audits.claim_package(ONE, sheet(2), WEST, at=NOW, until=SOON)
    assert found == AuditedReplica(sheet(2), WEST, 2, 200, MOMENT - 2 * DAY)
    assert audits.claim_package(OTHER, sheet(2), WEST, at=NOW, until=SOON) is None
    assert audits.claim_package(ONE, sheet(2), WEST, at=NOW, until=SOON) == found
    with pytest.raises(NotFoundError, match="south"):
        audits.claim_package(ONE, sheet(2), StoreName("south"), at=NOW, until=SOON)
    with pytest.raises(NotFoundError, match="sheet-9"):
        audits.claim_package(ONE, sheet(9), WEST, at=NOW, until=SOON)


def test_all_that_one_claims_is_held_and_nothing_of_others(audits: Audits):
    mine, others = claimed(audits, most=2), claimed(audits, OTHER, most=2)
    later = SOON + timedelta(minutes=5)
    audits.hold(ONE, later)
    third = Claimant("third")
    left = audits.claim(third, [scope()], most_replicas=9, most_bytes=10**9, at=SOON, until=later)
    assert {one.package for one in left} == {*others, sheet(1)}
    assert not {one.package for one in left} & set(mine)


def test_a_reading_that_was_interrupted_goes_on_where_it_was(audits: Audits):
    [first, *_] = audits.claim(ONE, [scope()], most_replicas=1, most_bytes=1, at=NOW, until=SOON)
    there = replace(first, begun_at=NOW, reached=BagPath("data/Übersicht 7.tif"))
    assert audits.reach(ONE, there, SOON + DAY)
    assert not audits.reach(OTHER, replace(first, reached=BagPath("data/z")), SOON)
    audits.release(ONE)
    assert audits.claim(OTHER, [scope()], most_replicas=1, most_bytes=1, at=NOW, until=SOON) == (there,)
    assert not audits.reach(ONE, there, SOON), "it is another's now"


def test_what_was_read_is_due_no_more_and_its_damage_is_open_until_it_is_read_as_it_was_kept(
    state: State, audits: Audits
):
    [replica] = audits.claim(ONE, [scope(4)], most_replicas=9, most_bytes=10**9, at=NOW, until=SOON)
    audits.conclude([read(replica, damage(5), damage(5, "data/b"))], [an_event(1)])
    assert audits.unread(scope(4)).replicas == 0
    assert state.journal.head().seq == 1
    first, second = audits.damages()
    assert (first.damage, first.found_at, first.state) == (damage(5), NOW, DamageState.OPEN)
    assert second.damage.path == "data/b"
    again = replace(damage(5, kind=DamageKind.UNREADABLE), at=NOW + DAY, found=None, reason="EIO")
    # Its first part, which showed one of them, was recorded when it was read.
    audits.record_damage([replace(damage(5, "data/part"), at=NOW + DAY)], [])
    audits.conclude([ReadReplica(replica, NOW + DAY, NOW + 2 * DAY, (again,))], [])
    left, part = audits.damages()
    assert (left.number, left.damage, left.found_at) == (first.number, again, NOW)
    [healed] = audits.damages(DamageState.HEALED)
    assert (healed.number, healed.ended_at) == (second.number, NOW + 2 * DAY)
    numbers = [first.number, second.number, part.number]
    assert [one.number for one in audits.damages(None, sheet(5))] == numbers
    assert list(audits.damages(None, sheet(4))) == []


def test_damage_that_a_sample_showed_is_recorded_and_heals_nothing(state: State, audits: Audits):
    audits.record_damage([damage(1)], [an_event(1)])
    audits.record_damage([damage(1, "data/b"), damage(2)], [an_event(2)])
    audits.record_damage([damage(1)], [])
    assert [one.damage for one in audits.damages()] == [damage(1), damage(1, "data/b"), damage(2)]
    assert state.journal.head().seq == 2
    assert audits.unread(scope()).replicas == 5


def test_what_an_audit_found_stays_where_a_later_look_took_no_digest(audits: Audits):
    read_by_audit = replace(damage(1), found={Algorithm.SHA256: sha256_of("found")}, found_size=5)
    seen_again = replace(damage(1), at=NOW + DAY, found=None, found_size=None)
    audits.record_damage([read_by_audit], [])
    audits.record_damage([seen_again], [])
    assert [one.damage for one in audits.damages()] == [replace(read_by_audit, at=NOW + DAY)]
    # Nothing that was found of bytes is said of a file that is missing.
    audits.record_damage([replace(seen_again, kind=DamageKind.MISSING)], [])
    assert [one.damage.found for one in audits.damages()] == [None]


@pytest.mark.parametrize("state_of_it", [DamageState.HEALED, DamageState.CLOSED])
def test_damage_that_ended_after_it_was_seen_is_returned_and_nothing_is_recorded(
    state: State, audits: Audits, state_of_it: DamageState
):
    audits.record_damage([damage(5), damage(5, "data/b")], [])
    [one, _] = audits.damages()
    seen_before, seen_after = (replace(damage(5), at=NOW + hours * DAY / 24) for hours in (1, 3))
    [ended] = audits.end_damage(
        [one.number], state_of_it, at=NOW + DAY / 12, by="Ada", because="repaired", events=[]
    )
    new = damage(4)
    assert audits.record_damage([new, seen_before], [an_event(1)]) == (ended,)
    [replica, *_] = audits.claim(ONE, [scope()], most_replicas=1, most_bytes=10**6, at=NOW, until=SOON)
    assert audits.conclude([read(replica, seen_before)], [an_event(2)]) == (ended,)
    assert [found.damage for found in audits.damages()] == [damage(5, "data/b")]
    assert state.journal.head().seq == 0
    assert sheet(5) not in claimed(audits, OTHER)
    # What is open is seen again, and what was seen after the end is new.
    assert audits.record_damage([new, replace(damage(5, "data/b"), at=NOW)], []) == ()
    assert audits.conclude([read(replica, seen_after)], [an_event(3)]) == ()
    assert [found.damage.path for found in audits.damages(package=sheet(5))] == ["data/b", "data/a"]
    # Of what is open again, an earlier sight is no news.
    assert audits.record_damage([seen_before], []) == ()


def test_a_person_closes_damage_with_a_reason_once(state: State, audits: Audits):
    audits.record_damage([damage(1), damage(2)], [])
    first, second = audits.damages()
    end = {"at": NOW, "by": "Ada", "because": "the scan is in another object too"}
    [closed] = audits.end_damage([first.number], DamageState.CLOSED, events=[an_event(1)], **end)
    assert (closed.state, closed.ended_by, closed.because) == (DamageState.CLOSED, "Ada", end["because"])
    assert audits.end_damage([first.number], DamageState.HEALED, events=[], **end) == ()
    assert [one.number for one in audits.damages()] == [second.number]
    with pytest.raises(NotFoundError, match="999"):
        audits.end_damage([second.number, 999], DamageState.CLOSED, events=[an_event(2)], **end)
    assert [one.number for one in audits.damages()] == [second.number]
    assert state.journal.head().seq == 1
    # What is closed and found damaged again is new damage.
    audits.record_damage([damage(1)], [])
    assert [one.damage.package for one in audits.damages()] == [sheet(2), sheet(1)]


def test_a_person_approves_the_repair_of_open_damage_once(state: State, audits: Audits):
    audits.record_damage([damage(1), damage(2), damage(3)], [])
    first, second, third = audits.damages()
    assert first.approval is None
    end = {"at": NOW, "by": "Ada", "because": "it may go", "events": []}
    audits.end_damage([third.number], DamageState.CLOSED, **end)
    approval = RepairApproval("Ada", "the disk was exchanged", NOW)
    [approved] = audits.approve_repairs([first.number, third.number], approval, [an_event(1)])
    assert approved == replace(first, approval=approval)
    assert [one.approval for one in audits.damages()] == [approval, None]
    assert state.journal.head().seq == 1
    again = RepairApproval("Bea", "she says so too", NOW + DAY)
    [later] = audits.approve_repairs([first.number, second.number, second.number], again, [])
    assert later == replace(second, approval=again)
    assert [one.approval for one in audits.damages()] == [approval, again]
    with pytest.raises(NotFoundError, match="999"):
        audits.approve_repairs([999], again, [an_event(2)])
    assert state.journal.head().seq == 1
    # What is seen again stays approved; what is found anew after it was healed is not.
    audits.record_damage([damage(1)], [])
    assert next(audits.damages()).approval == approval
    audits.end_damage([first.number], DamageState.HEALED, **end)
    audits.record_damage([damage(1)], [])
    assert [one.approval for one in audits.damages()] == [again, None]
    [healed] = audits.damages(DamageState.HEALED)
    assert healed.approval == approval


def test_more_damages_are_approved_than_a_statement_takes(audits: Audits):
    audits.record_damage([damage(1, f"data/{number}") for number in range(1201)], [])
    numbers = [one.number for one in audits.damages()]
    approval = RepairApproval("Ada", "all of it", NOW)
    assert len(audits.approve_repairs(numbers, approval, [])) == 1201


def test_what_was_read_since_a_moment_that_is_to_come_is_a_scope_too(audits: Audits):
    one = Scope(EAST, MAPS, NOW, since=MOMENT - 2 * DAY)
    assert audits.unread(one).replicas == 2
    assert audits.unread(replace(one, before=MOMENT - DAY)).replicas == 1
    forever = datetime.max.replace(tzinfo=UTC)
    assert audits.unread(Scope(EAST, MAPS, forever, since=NOW)).replicas == 0
    ahead = Scope(EAST, MAPS, forever, since=MOMENT - 4 * DAY)
    found = audits.claim(ONE, [ahead], most_replicas=9, most_bytes=10**6, at=NOW, until=SOON)
    assert [one.package for one in found] == [sheet(number) for number in (4, 3, 2, 1)]


def test_every_file_has_a_number_by_which_it_is_sampled(audits: Audits):
    total = audits.files_in(EAST)
    assert total == 15
    assert audits.files_in(StoreName("south")) == 0
    every = list(audits.sampled(EAST, range(total)))
    assert [one.index for one in every] == [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert Counter(one.replica.package for one in every) == {sheet(number): number for number in range(1, 6)}
    assert [(one.replica.package, one.index) for one in audits.sampled(EAST, [14, 0])] == [
        (sheet(1), 0),
        (sheet(5), 4),
    ]


def test_the_neighbours_of_a_replica_are_those_that_came_before_and_after_it(audits: Audits):
    middle = next(one for one in audits.replicas(EAST) if one.package == sheet(3))
    assert [one.package for one in audits.beside(middle, 1)] == [sheet(2), sheet(4)]
    assert [one.package for one in audits.beside(middle, 9)] == [sheet(number) for number in (1, 2, 4, 5)]
    first = next(audits.replicas(EAST))
    assert [one.package for one in audits.beside(first, 2)] == [sheet(2), sheet(3)]
    assert {one.store for one in audits.beside(first, 2)} == {EAST}


def test_a_replica_that_comes_later_is_read_and_sampled_too(state: State, audits: Audits):
    one = a_registration("maps/late/v1", "99")
    state.catalogue.register(replace(one, replicas=(Replica(EAST, "there", MOMENT, 4, 40),)), ())
    state.catalogue.add_replica(one.package, Replica(WEST, "there", MOMENT + DAY, 4, 40))
    assert audits.files_in(WEST) == 19
    assert [one.replica.read_at for one in audits.sampled(WEST, [18])] == [MOMENT + DAY]
    assert len(list(audits.replicas(WEST))) == 6
    assert list(audits.replicas(WEST, CollectionName("plans"))) == []
    state.catalogue.register(a_registration("plans/yard/v1", "98"), ())
    assert [audits.collections(store) for store in (WEST, StoreName("south"))] == [("maps", "plans"), ()]


def test_a_reading_that_the_journal_states_is_restored_and_a_later_one_stays(audits: Audits):
    [oldest] = audits.claim(ONE, [scope(4)], most_replicas=1, most_bytes=10**6, at=NOW, until=SOON)
    audits.conclude([read(oldest, damage(5))], ())
    for number, read_at in ((5, MOMENT), (1, MOMENT), (9, MOMENT), (1, MOMENT - 3 * DAY)):
        audits.restore_reading(sheet(number), EAST, read_at)
    found = {one.package: one.read_at for one in audits.replicas(EAST)}
    assert (found[sheet(5)], found[sheet(1)], found[sheet(2)]) == (NOW, MOMENT, MOMENT - 2 * DAY)
    assert {one.read_at for one in audits.replicas(WEST) if one.package == sheet(1)} == {MOMENT - DAY}
    assert [one.damage.package for one in audits.damages()] == [sheet(5)]


def test_a_store_that_is_forgotten_goes_from_catalogue_and_audits_at_once_and_is_journaled(
    state: State, audits: Audits
):
    identity = new_store_identity()
    state.catalogue.keep_store_identity(EAST, identity)
    audits.record_damage([damage(1), damage(2)], [])
    there = replace(damage(1), store=WEST)
    audits.record_damage([there], [])
    end = {"at": NOW, "by": "A. Turner", "because": "its disk burned"}

    def event_of(package: PackageId) -> Event:
        return an_event(package.version, str(package))

    with pytest.raises(UnavailableError, match="has 5 replicas in it, and 4 were looked at"):
        state.catalogue.forget_store(EAST, 4, event_of=event_of, **end)
    assert len(list(audits.replicas(EAST))) == 5
    assert state.journal.head().seq == 0
    state.catalogue.forget_store(EAST, 5, event_of=event_of, **end)
    assert list(state.catalogue.packages(held_by=EAST)) == []
    assert {one.store for kept in state.catalogue.packages() for one in kept.replicas} == {WEST}
    assert state.catalogue.store_identities() == {}
    assert list(audits.replicas(EAST)) == []
    assert audits.files_in(EAST) == 0
    assert audits.collections(EAST) == ()
    assert [one.damage for one in audits.damages()] == [there]
    closed = list(audits.damages(DamageState.CLOSED))
    assert [(one.ended_at, one.ended_by, one.because) for one in closed] == [tuple(end.values())] * 2
    told = [entry.object for entry in state.journal.about()]
    assert told == [str(sheet(number)) for number in range(1, 6)]
    # It may be a store again.
    state.catalogue.add_replica(sheet(2), Replica(EAST, "there", NOW, 2, 200))
    assert [(one.package, one.read_at) for one in audits.replicas(EAST)] == [(sheet(2), NOW)]
    assert audits.files_in(EAST) == 2
    assert len(list(audits.replicas(WEST))) == 5
