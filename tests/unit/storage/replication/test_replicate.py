"""Replication: what is planned is what is kept, in every store, or it is not called stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from fakes import (
    Chosen,
    FailingStore,
    FullStore,
    LyingStore,
    UnreadableStore,
    VanishingStore,
    WrappedStore,
    ending,
    flipping,
    truncating,
    whole,
)
from support.memory_store import MemoryPurger, MemoryStore
from support.plans import PAYLOAD, SHEET, HeldPlan, plan_bag
from support.store_peers import folder_store, memory_store

from preservation.errors import ConfigurationError, DeniedError, UnavailableError
from preservation.model.identifiers import StoreName
from preservation.model.layout import COMMITS
from preservation.model.packages import Replica
from preservation.model.paths import BagPath, StoreKey
from storage.ports.stores import Deposit, Purger, SiteName, Store
from storage.replication.outcomes import (
    AtFault,
    Failed,
    Failure,
    Mismatch,
    ReplicationOutcome,
    Short,
    Stored,
)
from storage.replication.progress import Progress, Step, StepProgress
from storage.replication.replicate import replicate

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
HERE, THERE = SiteName("here"), SiteName("there")
TAG_MANIFEST = f"{SHEET.prefix}/tagmanifest-sha256.txt"


Spoil = Callable[[Store], Store]


@pytest.fixture
def plan(tmp_path: Path) -> HeldPlan:
    return plan_bag(tmp_path / "sources")


@pytest.fixture
def first() -> MemoryStore:
    return memory_store(StoreName("first"), HERE)


@pytest.fixture
def second() -> MemoryStore:
    return memory_store(StoreName("second"), THERE)


def replicated(
    plan: HeldPlan,
    *stores: Store,
    copies: int = 2,
    sites: int = 2,
    verified: Sequence[Replica] = (),
    purgers: Sequence[Purger] = (),
) -> ReplicationOutcome:
    return replicate(
        plan,
        stores,
        copies=copies,
        sites=sites,
        threads=2,
        clock=lambda: NOW,
        verified=verified,
        purgers=purgers,
    )


def purger(store: MemoryStore) -> MemoryPurger:
    return MemoryPurger(store.name, store.shelf, COMMITS)


def only_failure(outcome: ReplicationOutcome) -> Failure:
    (failure,) = outcome.failures
    return failure


def codes(failure: Failure) -> list[str]:
    return [issue.code for issue in failure.issues]


def keep(store: Store, plan: HeldPlan, *endings: str) -> None:
    for ending_ in endings:
        entry = plan.entry(ending_)
        store.create([Deposit(StoreKey(f"{SHEET.prefix}/{entry.path}"), entry.source, entry.size)])


def test_a_package_is_stored_when_every_copy_on_every_site_has_been_read_back(
    plan: HeldPlan, first: MemoryStore, tmp_path: Path
):
    folder = folder_store(tmp_path / "second", StoreName("second"), THERE)
    outcome = replicated(plan, first, folder)
    size = sum(entry.size for entry in plan.entries)
    assert outcome == Stored(
        (
            Replica(first.name, f"memory://first/{SHEET}", NOW, len(plan.entries), size),
            Replica(folder.name, str(tmp_path / "second" / SHEET.prefix), NOW, len(plan.entries), size),
        ),
        (),
    )
    for store in (first, folder):
        assert {kept.key for kept in store.list()} == {
            f"{SHEET.prefix}/{entry.path}" for entry in plan.entries
        }
    assert (tmp_path / "second" / SHEET.prefix / "data/originals/a.tif").read_bytes() == PAYLOAD["a.tif"]


def test_the_tag_manifest_is_written_last_after_everything_else_was_read_back(plan: HeldPlan):
    store = WrappedStore(memory_store())
    assert isinstance(replicated(plan, store, copies=1, sites=1), Stored)
    assert store.acts[-2:] == [("create", TAG_MANIFEST), ("open", TAG_MANIFEST)]
    assert len(store.acts) == 2 * len(plan.entries)


@pytest.mark.parametrize(
    ("faulty", "code"),
    [
        (lambda store: flipping(store, ending("b.tif")), "REP-002"),
        (lambda store: truncating(store, ending("b.tif")), "REP-002"),
        (lambda store: LyingStore(store, ending("b.tif")), "REP-003"),
    ],
    ids=["flipped", "truncated", "lost"],
)
def test_a_store_that_does_not_give_back_what_it_was_given_is_at_fault_and_not_committed(
    plan: HeldPlan, first: MemoryStore, second: MemoryStore, faulty: Spoil, code: str
):
    outcome = replicated(plan, first, faulty(second))
    failure = only_failure(outcome)
    assert isinstance(outcome, Short)
    assert [replica.store for replica in outcome.replicas] == ["first"]
    assert isinstance(failure, Mismatch)
    assert failure.at_fault is AtFault.STORE
    assert codes(failure) == [code]
    assert failure.issues[0].path == "data/originals/folder/b.tif"
    assert "second" in failure.reason
    assert "data/originals/folder/b.tif" in failure.reason
    assert TAG_MANIFEST not in [kept.key for kept in second.list()]


@pytest.mark.parametrize("faulty", [flipping, LyingStore])
def test_a_store_that_spoils_the_tag_manifest_itself_is_not_called_verified(
    plan: HeldPlan, second: MemoryStore, faulty: Callable[[Store, Chosen], Store]
):
    outcome = replicated(plan, faulty(second, ending("tagmanifest-sha256.txt")), copies=1, sites=1)
    assert isinstance(outcome, Short)
    assert isinstance(only_failure(outcome), Mismatch)


def test_a_file_that_cannot_be_read_back_is_a_failure_that_may_pass(plan: HeldPlan, first: MemoryStore):
    failure = only_failure(replicated(plan, UnreadableStore(first, ending("a.tif")), copies=1, sites=1))
    assert isinstance(failure, Failed)
    assert failure.retryable
    assert codes(failure) == ["REP-004"]


@pytest.mark.parametrize("change", ["altered", "shortened", "gone"])
def test_where_the_source_has_changed_the_drop_is_at_fault_and_not_the_store(
    plan: HeldPlan, first: MemoryStore, change: str
):
    source = plan.entry("b.tif").source
    content = source.read_bytes()
    if change == "altered":
        source.write_bytes(b"!" + content[1:])
    elif change == "shortened":
        source.write_bytes(content[1:])
    else:
        source.unlink()
    failure = only_failure(replicated(plan, first, copies=1, sites=1))
    assert isinstance(failure, Mismatch)
    assert failure.at_fault is AtFault.SOURCE
    assert "changed after it was surveyed" in failure.reason
    assert codes(failure) == ["REP-001"]
    assert TAG_MANIFEST not in [kept.key for kept in first.list()]


@pytest.mark.parametrize(
    ("faulty", "retryable", "says"),
    [
        (lambda store: FullStore(store, room=3), True, "room"),
        (lambda store: VanishingStore(store, answers=2), True, "does not answer"),
        (lambda store: FailingStore(store, 9, UnavailableError("store second: busy")), True, "busy"),
        (lambda store: FailingStore(store, 9, DeniedError("store second: no")), False, "no"),
    ],
    ids=["full", "vanishing", "busy", "denied"],
)
def test_a_store_that_fails_is_reported_with_its_own_sentence_and_the_other_is_kept(
    plan: HeldPlan, first: MemoryStore, second: MemoryStore, faulty: Spoil, *, retryable: bool, says: str
):
    outcome = replicated(plan, first, faulty(second))
    failure = only_failure(outcome)
    assert isinstance(outcome, Short)
    assert isinstance(failure, Failed)
    assert (failure.store, failure.retryable, codes(failure)) == ("second", retryable, ["REP-006"])
    assert says in failure.reason
    assert TAG_MANIFEST in [kept.key for kept in first.list()]
    assert TAG_MANIFEST not in [kept.key for kept in second.list()]


def test_only_the_failed_replica_is_written_again(plan: HeldPlan, first: MemoryStore, second: MemoryStore):
    sound = WrappedStore(first)
    failing = FailingStore(second, 1, UnavailableError("store second: busy; try again"))
    once = replicated(plan, sound, failing)
    written, read = len(sound.created), len(sound.opened)
    twice = replicated(plan, sound, failing, verified=once.replicas)
    assert isinstance(once, Short)
    assert isinstance(twice, Stored)
    assert [replica.store for replica in twice.replicas] == ["first", "second"]
    assert (
        (len(sound.created), len(sound.opened)) == (written, read) == (len(plan.entries), len(plan.entries))
    )
    assert len(failing.created) == len(plan.entries)


def test_after_a_crash_what_is_there_is_read_back_and_not_written_again(plan: HeldPlan, first: MemoryStore):
    keep(first, plan, "b.tif", "manifest-sha256.txt")
    store = WrappedStore(first)
    assert isinstance(replicated(plan, store, copies=1, sites=1), Stored)
    assert len(store.created) == len(plan.entries) - 2
    assert len(set(store.opened)) == len(plan.entries)


def test_after_a_crash_between_commit_and_register_everything_is_read_and_nothing_written(
    plan: HeldPlan, first: MemoryStore
):
    replicated(plan, first, copies=1, sites=1)
    store = WrappedStore(first)
    assert isinstance(replicated(plan, store, copies=1, sites=1), Stored)
    assert store.created == []
    assert len(store.opened) == len(plan.entries)


def test_debris_of_an_earlier_try_is_reported_where_nothing_may_remove_it(plan: HeldPlan, first: MemoryStore):
    first.shelf.kept[StoreKey(f"{SHEET.prefix}/data/originals/a.tif")] = b"of another try"
    failure = only_failure(replicated(plan, first, copies=1, sites=1))
    assert isinstance(failure, Mismatch)
    assert codes(failure) == ["REP-002"]
    assert first.shelf.kept[StoreKey(f"{SHEET.prefix}/data/originals/a.tif")] == b"of another try"


@pytest.mark.parametrize("debris", ["data/originals/a.tif", "data/originals/nobody-planned-this"])
def test_debris_of_an_earlier_try_is_discarded_by_the_purger_and_the_package_written_anew(
    plan: HeldPlan, first: MemoryStore, debris: str
):
    first.shelf.kept[StoreKey(f"{SHEET.prefix}/{debris}")] = b"of another try"
    outcome = replicated(plan, first, copies=1, sites=1, purgers=[purger(first)])
    assert isinstance(outcome, Stored)
    assert len(first.shelf.kept) == len(plan.entries)
    with first.open(StoreKey(f"{SHEET.prefix}/data/originals/a.tif")) as stream:
        assert whole(stream) == PAYLOAD["a.tif"]


def test_a_store_that_spoils_every_try_is_given_up_after_one_more(plan: HeldPlan, first: MemoryStore):
    keep(first, plan, "a.tif")
    store = flipping(first, ending("a.tif"))
    outcome = replicated(plan, store, copies=1, sites=1, purgers=[purger(first)])
    assert isinstance(only_failure(outcome), Mismatch)
    assert len(store.created) == 2 * (len(plan.entries) - 1) - 1


def test_a_committed_version_that_differs_is_a_mismatch_and_stays_as_it_is(
    plan: HeldPlan, first: MemoryStore
):
    replicated(plan, first, copies=1, sites=1)
    first.shelf.kept[StoreKey(f"{SHEET.prefix}/data/originals/a.tif")] = b"rotten"
    before = dict(first.shelf.kept)
    outcome = replicated(plan, first, copies=1, sites=1, purgers=[purger(first)])
    assert isinstance(only_failure(outcome), Mismatch)
    assert first.shelf.kept == before


def test_files_nobody_planned_are_named_and_keep_the_version_from_being_committed(
    plan: HeldPlan, first: MemoryStore
):
    first.shelf.kept[StoreKey(f"{SHEET.prefix}/data/originals/stranger\n.exe")] = b"?"
    failure = only_failure(replicated(plan, first, copies=1, sites=1))
    assert isinstance(failure, Mismatch)
    assert codes(failure) == ["REP-005"]
    assert "data/originals/stranger\\n.exe" in failure.issues[0].message
    assert TAG_MANIFEST not in first.shelf.kept


def test_a_neighbouring_version_is_no_part_of_the_package(plan: HeldPlan, first: MemoryStore):
    first.shelf.kept[StoreKey(f"{SHEET.prefix}0/bagit.txt")] = b"version ten"
    assert isinstance(replicated(plan, first, copies=1, sites=1), Stored)


def test_two_copies_on_one_site_are_short_where_two_sites_are_asked_for(
    plan: HeldPlan, first: MemoryStore, second: MemoryStore
):
    beside = memory_store(StoreName("beside"), HERE)
    outcome = replicated(plan, first, beside, FailingStore(second, 1, UnavailableError("store second: busy")))
    assert isinstance(outcome, Short)
    assert [replica.store for replica in outcome.replicas] == ["first", "beside"]


def test_a_third_store_that_fails_is_told_though_the_package_is_stored(
    plan: HeldPlan, first: MemoryStore, second: MemoryStore
):
    third = FailingStore(memory_store(StoreName("third"), HERE), 1, UnavailableError("store third: busy"))
    outcome = replicated(plan, first, second, third)
    assert isinstance(outcome, Stored)
    assert only_failure(outcome).store == "third"


@pytest.mark.parametrize(("copies", "sites"), [(3, 1), (2, 3)])
def test_a_policy_that_these_stores_can_never_satisfy_is_refused_before_anything_is_written(
    plan: HeldPlan, first: MemoryStore, second: MemoryStore, copies: int, sites: int
):
    with pytest.raises(ConfigurationError, match=r"maps/sheet-012/v1.*muniment\.toml"):
        replicated(plan, first, second, copies=copies, sites=sites)
    assert first.shelf.kept == {}


def test_a_plan_that_does_not_end_with_its_commit_is_refused_before_anything_is_written(
    plan: HeldPlan, first: MemoryStore
):
    for other in (replace(plan, entries=plan.entries[::-1]), replace(plan, commit=BagPath("end"))):
        with pytest.raises(ValueError, match="does not end with"):
            replicated(other, first, copies=1, sites=1)
    assert first.shelf.kept == {}


def test_a_plan_may_be_committed_by_another_file_than_a_tag_manifest(plan: HeldPlan, first: MemoryStore):
    last = msgspec.structs.replace(plan.entries[-1], path=BagPath("done"))
    otherwise = replace(plan, entries=(*plan.entries[:-1], last), commit=last.path)
    assert isinstance(replicated(otherwise, first, copies=1, sites=1), Stored)
    assert list(first.shelf.kept)[-1] == f"{SHEET.prefix}/done"


def test_many_faulty_files_are_counted_and_the_first_of_them_named(tmp_path: Path, first: MemoryStore):
    plan = plan_bag(tmp_path / "sources", {f"{number:03}": b"x" for number in range(50)})
    failure = only_failure(replicated(plan, flipping(first, lambda key: "/data/" in key), copies=1, sites=1))
    assert "50 files" in failure.reason
    assert len(failure.issues) == 20


def test_progress_is_told_to_its_end_for_both_steps(plan: HeldPlan, first: MemoryStore):
    told: list[Progress] = []
    replicate(plan, [first], copies=1, sites=1, threads=2, clock=lambda: NOW, progress=told.append)
    size = sum(entry.size for entry in plan.entries)
    assert told[-2:] == [
        Progress(first.name, Step.WRITING, len(plan.entries), size),
        Progress(first.name, Step.READING_BACK, len(plan.entries), size),
    ]


def test_what_an_earlier_try_has_written_counts_as_written(plan: HeldPlan, first: MemoryStore):
    keep(first, plan, "a.tif")
    told: list[Progress] = []
    replicate(plan, [first], copies=1, sites=1, threads=2, clock=lambda: NOW, progress=told.append)
    size = sum(entry.size for entry in plan.entries)
    assert Progress(first.name, Step.WRITING, len(plan.entries), size) in told
    told.clear()
    replicate(plan, [first], copies=1, sites=1, threads=2, clock=lambda: NOW, progress=told.append)
    assert told[-1] == Progress(first.name, Step.READING_BACK, len(plan.entries), size)


def test_progress_is_told_now_and_then_and_not_of_every_file():
    seconds = [0.0]
    told: list[Progress] = []
    step = StepProgress(StoreName("first"), Step.WRITING, told.append, lambda: seconds[0])
    for _ in range(100):
        step.add(1, 10)
        seconds[0] += 0.01
    assert [one.files for one in told] == [51]
    step.report()
    assert (told[-1].files, told[-1].bytes) == (100, 1000)
