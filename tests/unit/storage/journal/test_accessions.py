"""Accessions against catalogue and stores: what disagrees is found both ways, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.memory_store import MemoryStore
from support.records import a_registration, an_event, package_named, sha256_of

from preservation.errors import UnavailableError
from preservation.model.events import EventType
from preservation.model.identifiers import StoreName, SubmissionId
from preservation.model.paths import StoreKey
from storage.journal.accessions import compare_accessions
from storage.journal.findings import FindingKind
from storage.journal.verification import FaultKind
from storage.ports.stores import KeptFile, SiteName, StorePlace

PLACE = StorePlace(SiteName("here"), "us", "memory")
EAST, WEST = StoreName("east"), StoreName("west")


class Kept:
    """A journal, a catalogue and two stores in memory, and how a package gets into each."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.catalogue = MemoryCatalogue(self.journal)
        self.stores = {name: MemoryStore(name, PLACE) for name in (EAST, WEST)}
        self.numbers = iter(range(10_000))

    def accede(self, package: str) -> None:
        name = package.rpartition("/v")[0]
        event = replace(
            an_event(next(self.numbers), name),
            event_type=EventType.ACCESSION,
            detail=f"{package} entered in the catalogue",
        )
        self.journal.append([event])

    def catalogue_it(self, package: str) -> None:
        self.catalogue.register(a_registration(package, sha256_of(package)[:8], package), ())

    def store(self, package: str, store: StoreName) -> None:
        self.stores[store].shelf.kept[StoreKey(f"{package}/tagmanifest-sha512.txt")] = b"committed"
        self.stores[store].shelf.kept[StoreKey(f"{package}/data/originals/a")] = b"a"

    def keep(self, package: str) -> None:
        self.store(package, EAST)
        self.store(package, WEST)
        self.catalogue_it(package)
        self.accede(package)

    def found(self) -> set[tuple[str, str]]:
        compared = compare_accessions(self.journal, self.catalogue, self.stores.values())
        faults = {(fault.kind.value, "") for fault in compared.faults}
        return faults | {(finding.kind.value, finding.about) for finding in compared.findings}


PACKAGES = [f"maps/{name}/v{number}" for name in ("a", "a v1", "Übersicht", "v1") for number in (1, 2, 10)]
PLACES = st.sets(st.sampled_from(["journal", "catalogue", EAST, WEST]))


def test_a_store_that_is_configured_no_more_is_remarked_on_and_not_said_to_agree():
    kept = Kept()
    kept.keep(PACKAGES[0])
    assert compare_accessions(kept.journal, kept.catalogue, kept.stores.values()).notes == ()
    [remark] = compare_accessions(kept.journal, kept.catalogue, [kept.stores[EAST]]).notes
    assert remark.startswith("1 replica in store west NOT looked for")


@given(st.dictionaries(st.sampled_from(PACKAGES), PLACES))
def test_a_package_is_sound_where_all_four_have_it_and_else_it_is_named(where: dict[str, set[str]]):
    kept = Kept()
    expected = set()
    for package, places in where.items():
        for place in places:
            match place:
                case "journal":
                    kept.accede(package)
                case "catalogue":
                    kept.catalogue_it(package)
                case store:
                    kept.store(package, StoreName(store))
        stores = places & {EAST, WEST}
        if "catalogue" in places:
            if "journal" not in places:
                expected.add((FaultKind.UNRECORDED.value, ""))
            if len(stores) < 2:
                expected.add((FindingKind.REPLICA_MISSING.value, package))
        elif "journal" in places:
            expected.add((FindingKind.UNCATALOGUED.value, package))
        elif stores:
            expected.add((FindingKind.UNKNOWN_PACKAGE.value, package))
    assert kept.found() == expected


def test_what_is_under_way_is_no_finding():
    kept = Kept()
    kept.store("maps/sheet/v1", EAST)
    kept.catalogue.reserve(SubmissionId("00aa"), package_named("maps/sheet/v1").object, sha256_of("x"))
    # Files without a tag manifest are no version, and neither is what is not below a version.
    kept.stores[WEST].shelf.kept[StoreKey("maps/other/v1/data/a")] = b"a"
    kept.stores[WEST].shelf.kept[StoreKey("_journal/000000001-000000002.jsonl")] = b"a"
    assert kept.found() == set()


@pytest.mark.parametrize("at", ["journal", "store", "second catalogue"])
def test_what_is_kept_meanwhile_is_no_finding(at: str):
    """A package is kept just before each thing that is read."""
    kept = Kept()
    kept.keep("maps/sheet/v1")
    # A stranger, so that the catalogue is read a second time.
    kept.store("maps/strange/v1", EAST)

    def once() -> Iterator[Callable[[], None]]:
        yield lambda: kept.keep("maps/late/v1")

    late = once()

    def keep_another(what: str) -> None:
        if what == at:
            for act in late:
                act()

    class Journal_(MemoryJournal):  # noqa: N801  the port's name is taken
        def lines(self, after: int = 0) -> Iterator[bytes]:
            keep_another("journal")
            return super().lines(after)

    class Store_(MemoryStore):  # noqa: N801  as above
        def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
            keep_another("store")
            return super().list(prefix)

    kept.journal.__class__ = Journal_
    for store in kept.stores.values():
        store.__class__ = Store_
    reserved = kept.catalogue.reserved

    def late_reserved() -> Iterator[object]:
        keep_another("second catalogue")
        return reserved()

    kept.catalogue.reserved = late_reserved  # type: ignore[method-assign,assignment]
    assert kept.found() == {(FindingKind.UNKNOWN_PACKAGE.value, "maps/strange/v1")}


def test_many_of_a_kind_are_counted():
    kept = Kept()
    for number in range(50):
        kept.accede(f"maps/sheet-{number}/v1")
    compared = compare_accessions(kept.journal, kept.catalogue, kept.stores.values())
    assert len(compared.findings) == 21
    assert compared.findings[-1].message == "30 more of the kind uncatalogued"


def test_a_store_that_cannot_be_listed_is_named_and_nothing_is_missing_there():
    class Away(MemoryStore):
        def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
            raise UnavailableError(f"store {self.name}: away ({prefix})")

    kept = Kept()
    kept.keep("maps/sheet/v1")
    compared = compare_accessions(kept.journal, kept.catalogue, [kept.stores[EAST], Away(WEST, PLACE)])
    assert (compared.faults, compared.findings) == ((), ())
    assert [one.store for one in compared.not_compared] == [WEST]


def test_each_store_is_listed_once_and_no_file_is_opened():
    kept = Kept()
    for number in range(30):
        kept.keep(f"maps/sheet-{number}/v1")
    asked = []

    class Counting(MemoryStore):
        def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
            asked.append(self.name)
            return super().list(prefix)

        def open(self, key: StoreKey) -> None:  # type: ignore[override]
            raise AssertionError(key)

    for store in kept.stores.values():
        store.__class__ = Counting
    assert kept.found() == set()
    assert asked == [EAST, WEST]
