"""What every keeper of the numbers must do, the one in memory first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from services.databases import ENGINES, database_url
from support.memory_audits import MemoryAudits
from support.memory_catalogue import MemoryCatalogue
from support.memory_holdings import MemoryHoldings
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_registration, files_of_package, package_named

from preservation.model.formats import Puid
from preservation.model.identifiers import CollectionName, StoreName
from preservation.model.packages import Replica
from storage.audits.sql import SqlAudits
from storage.catalogue.sql import SqlCatalogue
from storage.database.opening import open_database
from storage.holdings import SqlHoldings
from storage.ports.audits import Audits, ReadReplica
from storage.ports.catalogue import Catalogue, CatalogueFile
from storage.ports.holdings import FormatHolding, Holdings, MonthOfGrowth, ReadingDay

MAPS, PLANS = CollectionName("maps"), CollectionName("plans")
EAST, WEST = StoreName("east"), StoreName("west")
DAY = timedelta(days=1)


@dataclass
class Kept:
    holdings: Holdings
    catalogue: Catalogue
    audits: Audits


@pytest.fixture(params=["memory", *ENGINES])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    match request.param:
        case "memory":
            journal = MemoryJournal()
            catalogue = MemoryCatalogue(journal)
            audits = MemoryAudits(catalogue, journal)
            yield Kept(MemoryHoldings(catalogue, audits), catalogue, audits)
        case engine:
            with open_database(database_url(engine, request, tmp_path)) as database:
                yield Kept(SqlHoldings(database), SqlCatalogue(database), SqlAudits(database))


@pytest.fixture
def kept(empty: Kept) -> Kept:
    """Two versions of a map, a month apart, and a plan on the day of the second one."""
    keep(empty, "maps/sheet/v1", "01", days_ago=31)
    keep(empty, "maps/sheet/v2", "02", days_ago=0, files=4)
    keep(empty, "plans/house/v1", "03", days_ago=0)
    return empty


def keep(empty: Kept, package: str, submission: str, *, days_ago: int, files: int = 2) -> None:
    at = MOMENT - days_ago * DAY
    one = replace(a_registration(package, submission), registered_at=at)
    replicas = tuple(Replica(store, "there", at, 9, 900) for store in (EAST, WEST))
    empty.catalogue.register(replace(one, replicas=replicas), files_of_package(files))


def test_growth_counts_new_objects_apart_from_versions(kept: Kept):
    assert list(kept.holdings.growth()) == [
        MonthOfGrowth(MAPS, date(2026, 10, 1), 1, 1, 2, 30),
        MonthOfGrowth(MAPS, date(2026, 11, 1), 0, 1, 2, 30),
        MonthOfGrowth(PLANS, date(2026, 11, 1), 1, 1, 2, 30),
    ]
    assert [one.collection for one in kept.holdings.growth(PLANS)] == [PLANS]


def test_formats_count_every_file_the_most_frequent_first(kept: Kept):
    keep(kept, "plans/garden/v1", "04", days_ago=0, files=1)
    assert kept.holdings.formats() == (
        FormatHolding(None, 5, 2),
        FormatHolding(Puid("fmt/353"), 4, 6),
    )
    assert kept.holdings.formats(PLANS) == (
        FormatHolding(None, 2, 0),
        FormatHolding(Puid("fmt/353"), 1, 1),
    )


def test_the_versions_that_have_a_format_are_found_once_each(kept: Kept):
    kept.catalogue.register(
        a_registration("plans/garden/v1", "04"),
        [CatalogueFile(file.path, 1, file.digests, Puid("fmt/10")) for file in files_of_package(3)],
    )
    assert list(kept.holdings.versions_with({Puid("fmt/10")})) == [package_named("plans/garden/v1")]
    assert len(list(kept.holdings.versions_with({Puid("fmt/353"), Puid("fmt/10")}))) == 4
    assert list(kept.holdings.versions_with({Puid("fmt/1")})) == []
    assert list(kept.holdings.versions_with(())) == []


def test_versions_are_counted_by_the_stores_that_have_them(kept: Kept):
    lone = replace(a_registration("plans/lone/v1", "05"), replicas=(Replica(WEST, "there", MOMENT, 9, 900),))
    kept.catalogue.register(lone, ())
    both, only = frozenset({EAST, WEST}), frozenset({WEST})
    assert dict(kept.holdings.versions_by_stores([EAST, WEST])) == {both: 3, only: 1}
    assert dict(kept.holdings.versions_by_stores([EAST])) == {frozenset({EAST}): 3, frozenset(): 1}


def test_readings_are_counted_by_the_day_of_the_last_one(kept: Kept):
    written, later = MOMENT.date() - 31 * DAY, MOMENT.date()
    assert list(kept.holdings.reading_days(MAPS)) == [
        ReadingDay(EAST, MAPS, written, 1, 9, 900),
        ReadingDay(EAST, MAPS, later, 1, 9, 900),
        ReadingDay(WEST, MAPS, written, 1, 9, 900),
        ReadingDay(WEST, MAPS, later, 1, 9, 900),
    ]
    [oldest, _] = kept.audits.replicas(EAST, MAPS)
    kept.audits.conclude([ReadReplica(oldest, MOMENT, MOMENT, ())], [])
    assert list(kept.holdings.reading_days()) == [
        ReadingDay(EAST, MAPS, later, 2, 18, 1800),
        ReadingDay(EAST, PLANS, later, 1, 9, 900),
        ReadingDay(WEST, MAPS, written, 1, 9, 900),
        ReadingDay(WEST, MAPS, later, 1, 9, 900),
        ReadingDay(WEST, PLANS, later, 1, 9, 900),
    ]


def test_nothing_is_counted_where_nothing_is_kept(empty: Kept):
    assert list(empty.holdings.growth()) == []
    assert empty.holdings.formats() == ()
    assert list(empty.holdings.reading_days()) == []
