from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.inboxes.queue.attempts import Attempts
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.queue.dispatch import Batch, Bounds, UnderWay, plan
from flows.inboxes.queue.takes import Take, TakeId
from flows.installation.processes import Process
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.model.verdicts import Verdict

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
BOUNDS = Bounds(runs=3, batch=4, small_files=10, small_bytes=100, pauses=PAUSES)
COLLECTIONS = tuple(map(CollectionName, ("books", "maps", "plans", "prints")))


def a_take(number: int, collection: str = "maps", name: str = "", *, large: bool = False) -> Take:
    return Take(
        id=TakeId(f"{number:06}"),
        area=Path("/area"),
        collection=CollectionName(collection),
        groups=(),
        name=name or f"sheet-{number}",
        object_name=ObjectName(name or f"sheet-{number}"),
        by=Process("here", "pid:[1]", 1, "then"),
        at=NOON,
        files=11 if large else 1,
        bytes=1,
        tree=HexDigest(""),
    )


def pending(*takes: Take) -> list[Pending]:
    return [Pending(take) for take in takes]


_TRIES = st.none() | st.builds(
    Attempts,
    runs=st.integers(1, 12),
    at=st.integers(-7200, 60).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    verdict=st.sampled_from([None, Verdict.INTERRUPTED, Verdict.WAITING]),
)


@st.composite
def _backlogs(draw: st.DrawFn) -> tuple[list[Pending], list[UnderWay], Bounds, CollectionName | None]:
    count = draw(st.integers(0, 30))
    backlog = [
        Pending(
            a_take(
                number,
                draw(st.sampled_from(COLLECTIONS)),
                draw(st.sampled_from(["", "", "same", "another"])),
                large=draw(st.booleans()),
            ),
            draw(_TRIES),
        )
        for number in range(count)
    ]
    free = list(backlog)
    under_way = []
    for _ in range(draw(st.integers(0, 4))):
        takes = free[: draw(st.integers(0, 3))]
        del free[: len(takes)]
        collection = takes[0].take.collection if takes else draw(st.sampled_from(COLLECTIONS))
        under_way.append(UnderWay(collection, frozenset(one.take.id for one in takes)))
    bounds = Bounds(
        runs=draw(st.integers(1, 6)),
        batch=draw(st.integers(1, 5)),
        small_files=10,
        small_bytes=100,
        pauses=PAUSES[: draw(st.integers(0, 4))],
        at_a_time=draw(st.dictionaries(st.sampled_from(COLLECTIONS), st.integers(1, 3))),
    )
    return backlog, under_way, bounds, draw(st.none() | st.sampled_from(COLLECTIONS))


@given(_backlogs())
def test_no_bound_is_passed_and_no_take_or_object_is_in_two_runs(
    given_: tuple[list[Pending], list[UnderWay], Bounds, CollectionName | None],
):
    backlog, under_way, bounds, last = given_
    by_id = {one.take.id: one.take for one in backlog}

    found = plan(backlog, under_way, bounds, NOON, last)

    runs = Counter(run.collection for run in under_way)
    runs.update(batch.collection for batch in found.batches)
    assert len(found.batches) <= max(0, bounds.runs - len(under_way))
    for batch in found.batches:
        assert runs[batch.collection] <= bounds.at_a_time.get(batch.collection, bounds.runs)
        assert {take.collection for take in batch.takes} == {batch.collection}
        assert 1 <= len(batch.takes) <= bounds.batch
        assert len(batch.takes) == 1 or all(take.files <= bounds.small_files for take in batch.takes)
    given_to = [take for batch in found.batches for take in batch.takes]
    in_hand = [by_id[identifier] for run in under_way for identifier in run.takes]
    objects = [take.object_id for take in given_to] + list({take.object_id for take in in_hand})
    assert len(set(objects)) == len(objects)
    assert not {one.take.id for one in found.given_up} & {take.id for take in given_to}


@given(_backlogs())
def test_what_could_run_and_has_room_runs(
    given_: tuple[list[Pending], list[UnderWay], Bounds, CollectionName | None],
):
    backlog, under_way, bounds, last = given_

    found = plan(backlog, under_way, bounds, NOON, last)

    given_to = {take.id for batch in found.batches for take in batch.takes}
    if len(under_way) + len(found.batches) >= bounds.runs:
        return
    runs = Counter(run.collection for run in under_way)
    runs.update(batch.collection for batch in found.batches)
    running = {identifier for run in under_way for identifier in run.takes}
    for place, one in enumerate(backlog):
        full = runs[one.take.collection] >= bounds.at_a_time.get(one.take.collection, bounds.runs)
        earlier = any(other.take.object_id == one.take.object_id for other in backlog[:place])
        if one.attempts is None and not full and not earlier and one.take.id not in running:
            assert one.take.id in given_to or any(
                backlog_one.take.object_id == one.take.object_id and backlog_one.take.id in running
                for backlog_one in backlog
            )


@given(st.lists(st.sampled_from(COLLECTIONS), min_size=1, max_size=60), st.integers(1, 3))
def test_no_collection_waits_longer_than_for_one_turn_of_each_other(
    collections: list[CollectionName], slots: int
):
    waiting = {number: a_take(number, name, large=True) for number, name in enumerate(collections)}
    bounds = Bounds(runs=slots, batch=4, small_files=10, small_bytes=100, pauses=PAUSES)
    last, turns = None, []
    while waiting:
        found = plan(pending(*waiting.values()), (), bounds, NOON, last)
        assert found.batches
        for batch in found.batches:
            turns.append(batch.collection)
            for take in batch.takes:
                del waiting[int(take.id)]
        last = found.last
    for place, name in enumerate(turns):
        until = next((later for later in range(place + 1, len(turns)) if turns[later] == name), None)
        if until is not None:
            between = Counter(turns[place + 1 : until])
            assert max(between.values(), default=0) <= 1


def test_small_ones_share_a_run_and_a_large_one_among_them_has_its_own():
    takes = [a_take(number, large=number == 2) for number in range(6)]

    found = plan(pending(*takes), (), BOUNDS, NOON)

    assert [[take.id for take in batch.takes] for batch in found.batches] == [
        ["000000", "000001", "000003", "000004"],
        ["000002"],
        ["000005"],
    ]


def test_the_corrected_drop_of_an_object_comes_after_the_first_one():
    first, second = a_take(1, name="same"), a_take(2, name="same")

    assert plan(pending(second, first), (), BOUNDS, NOON).batches == (Batch(first.collection, (first,)),)
    run = UnderWay(first.collection, frozenset({first.id}), frozenset({first.object_id}))
    assert plan(pending(second), [run], BOUNDS, NOON).batches == ()
    assert plan(pending(second), (), BOUNDS, NOON).batches == (Batch(first.collection, (second,)),)


@pytest.mark.parametrize(("runs", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60)])
def test_what_was_interrupted_is_tried_again_after_growing_pauses(runs: int, minutes: int):
    one = Pending(a_take(1), Attempts(runs, NOON, Verdict.INTERRUPTED, "The store is away."))
    over = NOON + timedelta(minutes=minutes)

    resting = plan([one], (), BOUNDS, over - timedelta(seconds=1))

    assert (resting.batches, resting.given_up, resting.again) == ((), (), over)
    assert plan([one], (), BOUNDS, over).batches


def test_what_was_interrupted_once_too_often_is_left_with_an_alarm():
    one = Pending(a_take(1), Attempts(5, NOON, Verdict.INTERRUPTED, "The store is away."))

    found = plan([one], (), BOUNDS, NOON + timedelta(days=1))

    assert found.batches == ()
    [told] = found.given_up
    assert told.sentence == (
        "maps/sheet-1: given up after 5 runs. The store is away. "
        "When that is repaired: muniment retry maps/sheet-1"
    )


def test_what_waits_for_a_person_waits_without_an_alarm_and_holds_up_no_corrected_drop():
    waits = Pending(a_take(1, name="same"), Attempts(1, NOON, Verdict.WAITING))
    corrected = a_take(2, name="same")

    found = plan([waits, *pending(corrected)], (), BOUNDS, NOON + timedelta(days=9))

    assert found.given_up == ()
    assert found.batches == (Batch(corrected.collection, (corrected,)),)


def test_a_drop_whose_worker_was_killed_goes_to_another_at_once_but_not_for_ever():
    soon = NOON + timedelta(seconds=20)
    killed = [Pending(a_take(1), Attempts(runs, NOON)) for runs in range(1, 9)]

    assert all(plan([one], (), BOUNDS, soon).batches for one in killed[:3])
    assert [plan([one], (), BOUNDS, soon).again for one in killed[3:7]] == [NOON + pause for pause in PAUSES]
    assert plan([killed[7]], (), BOUNDS, soon).given_up


@given(_backlogs())
def test_a_take_whose_run_was_killed_shares_no_run_so_that_it_cannot_take_others_with_it(
    backlog: tuple[list[Pending], list[UnderWay], Bounds, CollectionName | None],
):
    takes, under_way, bounds, last = backlog
    killed = {
        one.take.id
        for one in takes
        if one.attempts and one.attempts.verdict is None and one.attempts.runs > one.attempts.excused
    }
    for batch in plan(takes, under_way, bounds, NOON, last).batches:
        assert len(batch.takes) == 1 or not killed & {take.id for take in batch.takes}


@given(st.sets(st.integers(0, 11), max_size=2), st.integers(12, 20), st.integers(1, 5))
def test_what_kills_its_runs_takes_no_verdict_from_those_that_shared_them(
    poison: set[int], count: int, batch: int
):
    bounds = Bounds(runs=2, batch=batch, small_files=10, small_bytes=100, pauses=PAUSES[:1])
    backlog = {TakeId(f"{number:06}"): Pending(a_take(number)) for number in range(count)}
    kills = {TakeId(f"{number:06}") for number in poison}
    moment, runs = NOON, Counter[TakeId]()
    while (found := plan(backlog.values(), (), bounds, moment)).batches:
        for each in found.batches:
            killed = any(take.id in kills for take in each.takes)
            for take in each.takes:
                runs[take.id] += 1
                if killed:
                    backlog[take.id] = Pending(take, Attempts(runs[take.id], moment))
                else:
                    del backlog[take.id]
        moment += timedelta(hours=1)
    assert backlog.keys() == kills
    assert all(number <= 3 for take, number in runs.items() if take not in kills)
    assert {one.take.id for one in found.given_up} == kills
