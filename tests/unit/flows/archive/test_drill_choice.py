"""Which versions are drilled: by weight, the same for the same seed, and in flat memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.memory_audits import MemoryAudits
from support.memory_catalogue import MemoryCatalogue
from support.memory_holdings import MemoryHoldings
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_registration, package_named, sha256_of

from flows.archive.drills.choice import DrillsBefore, PlannedDrill, choose, rare_formats
from flows.archive.drills.estimates import store_estimates
from flows.archive.drills.record import (
    DrillChoice,
    DrilledReplica,
    DrillReason,
    DrillRecord,
    DrillVerdict,
)
from preservation.model.digests import Algorithm
from preservation.model.formats import Puid
from preservation.model.identifiers import StoreName
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from storage.ports.catalogue import CatalogueFile
from storage.ports.holdings import FormatHolding

EAST, WEST = StoreName("east"), StoreName("west")
DAY = timedelta(days=1)
NONE = DrillsBefore(0, {}, {})


class Kept:
    """Versions in memory, and what is chosen among them."""

    def __init__(self) -> None:
        journal = MemoryJournal()
        self.catalogue = MemoryCatalogue(journal)
        self.audits = MemoryAudits(self.catalogue, journal)
        self.holdings = MemoryHoldings(self.catalogue, self.audits)
        self._number = 0

    def add(
        self,
        name: str,
        *,
        days: int = 0,
        size: int = 1000,
        puid: str = "fmt/353",
        stores: tuple[StoreName, ...] = (EAST,),
    ) -> None:
        self._number += 1
        one = a_registration(f"maps/{name}/v1", f"{self._number:04}")
        replicas = tuple(Replica(store, "there", MOMENT - days * DAY, 9, size) for store in stores)
        digests = {Algorithm.SHA256: sha256_of(name)}
        file = CatalogueFile(BagPath("data/originals/a"), size, digests, Puid(puid))
        self.catalogue.register(replace(one, replicas=replicas), [file])

    def choose(
        self, number: int, seed: int, before: DrillsBefore = NONE, stores: tuple[StoreName, ...] = (EAST,)
    ) -> list[PlannedDrill]:
        return choose(number, stores, self.audits, self.holdings, before, seed=seed, at=MOMENT)

    def names(self, number: int, seed: int, before: DrillsBefore = NONE) -> list[str]:
        return [one.package.object.name for one in self.choose(number, seed, before)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


def a_record(package: str, *verdicts: DrillVerdict, at: datetime = MOMENT) -> DrillRecord:
    replicas = tuple(
        DrilledReplica(store, "a site", verdict, "seen", 9, 2_000_000, 4.0)
        for store, verdict in zip((EAST, WEST), verdicts, strict=False)
    )
    choice = DrillChoice(DrillReason.WEIGHTED, 1, 2)
    return DrillRecord("0123abcd", package, at, at, "Muniment", choice, replicas, ())


def test_the_same_seed_chooses_the_same_and_no_version_twice(kept: Kept):
    for number in range(40):
        kept.add(f"sheet-{number}", stores=(EAST, WEST))
    stores = (EAST, WEST)
    first = kept.choose(4, 7, stores=stores)
    assert kept.choose(4, 7, stores=stores) == first
    assert len({one.package for one in first}) == 4
    assert {one.choice.considered for one in first} == {80}
    assert any(kept.choose(4, seed, stores=stores) != first for seed in range(5))


def test_what_is_asked_for_beyond_what_is_kept_is_not_invented(kept: Kept):
    assert kept.names(3, 1) == []
    kept.add("only")
    assert kept.names(3, 1) == ["only"]


@pytest.mark.parametrize(
    ("likelier", "factor"),
    [({"days": 300}, "age"), ({"size": 10**12}, "size"), ({"puid": "fmt/1"}, "format")],
)
def test_what_is_at_risk_is_likelier(kept: Kept, likelier: dict[str, int], factor: str):
    for number in range(9):
        kept.add(f"plain-{number}")
    kept.add("at-risk", **likelier)  # type: ignore[arg-type]
    chosen = Counter(name for seed in range(200) for name in kept.names(1, seed))
    # By its weight it is drawn in 25 % to 55 % of the cases; as one of ten alike, in 10 %.
    assert chosen["at-risk"] > 35
    weights = next(
        one.choice.weights
        for seed in range(200)
        for one in kept.choose(1, seed)
        if one.package.object.name == "at-risk"
    )
    assert [name for name, weight in weights.items() if weight > 1 and name != "store"] == [factor]


def test_a_replica_that_was_drilled_whole_is_as_good_as_read_then_and_its_store_as_drilled(kept: Kept):
    kept.add("sheet", days=300)
    drilled = DrillsBefore.of([a_record("maps/sheet/v1", DrillVerdict.NOT_RENDERED)])
    [again] = kept.choose(1, 1, drilled)
    assert (again.choice.weights["age"], again.choice.weights["store"]) == (1, 1)
    damaged = DrillsBefore.of([a_record("maps/sheet/v1", DrillVerdict.DAMAGED)])
    [never] = kept.choose(1, 1, damaged)
    assert (never.choice.weights["age"], never.choice.weights["store"]) == (11, 2)


def test_every_fifth_drill_is_of_the_largest_that_was_not_drilled_yet(kept: Kept):
    for number in range(1, 7):
        kept.add(f"sheet-{number}", size=number * 10**6)
    reasons = [one.choice.reason for one in kept.choose(5, 1)]
    assert reasons == [DrillReason.WEIGHTED] * 4 + [DrillReason.LARGEST]
    four = [a_record("maps/sheet-1/v1", DrillVerdict.RESTORED)] * 3
    largest_before = a_record("maps/sheet-6/v1", DrillVerdict.RESTORED)
    [one] = kept.choose(1, 1, DrillsBefore.of([*four, largest_before]))
    assert (one.package, one.choice.reason) == (package_named("maps/sheet-5/v1"), DrillReason.LARGEST)


def test_formats_are_rare_that_few_files_have():
    formats = [
        FormatHolding(Puid("fmt/353"), 20_000, 1),
        FormatHolding(None, 1, 1),
        FormatHolding(Puid("fmt/10"), 12, 1),
        FormatHolding(Puid("fmt/1"), 1, 1),
        FormatHolding(Puid("fmt/2"), 700, 1),
    ]
    assert rare_formats(formats) == {"fmt/10", "fmt/1"}
    assert rare_formats([]) == frozenset()


def test_an_estimate_is_by_all_drills_of_the_store_and_its_interval_by_the_fastest_and_the_slowest(
    kept: Kept,
):
    kept.add("sheet", size=100_000_000)
    drilled = [
        DrilledReplica(EAST, "a site", DrillVerdict.RESTORED, "", 9, 1_000_000, 1.0),
        DrilledReplica(EAST, "a site", DrillVerdict.NOT_RENDERED, "", 9, 3_000_000, 1.0),
        DrilledReplica(EAST, "a site", DrillVerdict.DAMAGED, "", 9, 1_000_000, 1000.0),
        DrilledReplica(WEST, "a site", DrillVerdict.NOT_RESTORED, ""),
    ]
    [estimate] = store_estimates(drilled, kept.holdings)
    assert (estimate.store, estimate.versions, estimate.bytes, estimate.drills) == (EAST, 1, 100_000_000, 2)
    assert (estimate.least, estimate.seconds, estimate.most) == pytest.approx((33.333, 50, 100), abs=0.01)
