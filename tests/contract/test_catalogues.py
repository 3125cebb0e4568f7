"""What every catalogue must do, the one in memory first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from services.databases import ENGINES, database_url
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.records import (
    MOMENT,
    a_conclusion,
    a_registration,
    an_event,
    files_of_package,
    package_named,
    sha256_of,
)

from preservation.errors import AlreadyExistsError, NotFoundError
from preservation.model.identifiers import (
    CollectionName,
    StoreName,
    SubmissionId,
    new_store_identity,
    parse_object_id,
)
from preservation.model.packages import Replica
from preservation.model.verdicts import Verdict
from storage.catalogue import objects
from storage.catalogue.sql import SqlCatalogue
from storage.database.opening import open_database
from storage.journal.sql import SqlJournal
from storage.ports.catalogue import AlreadyKept, Catalogue, CatalogueFile, Reservation, Reserved
from storage.ports.journal import Journal

SHEET = parse_object_id("maps/sheet")
ONE, TWO, THREE = SubmissionId("01"), SubmissionId("02"), SubmissionId("03")


@dataclass
class Kept:
    catalogue: Catalogue
    journal: Journal


@pytest.fixture(params=["memory", *ENGINES])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    match request.param:
        case "memory":
            journal = MemoryJournal()
            yield Kept(MemoryCatalogue(journal), journal)
        case engine:
            with open_database(database_url(engine, request, tmp_path)) as database:
                yield Kept(SqlCatalogue(database), SqlJournal(database))


@pytest.fixture
def catalogue(kept: Kept) -> Catalogue:
    return kept.catalogue


EAST, WEST = StoreName("east"), StoreName("west")
LATER = Replica(WEST, "/stores/west/maps", MOMENT, 9, 900)


def test_versions_are_found_by_the_stores_that_have_them_and_lack_them(catalogue: Catalogue):
    for number, name in enumerate(("maps/sheet/v1", "maps/sheet/v2", "plans/yard/v1")):
        one = a_registration(name, f"{number:02}")
        stores = (EAST,) if number else (EAST, WEST)
        replicas = tuple(replace(LATER, store=store) for store in stores)
        catalogue.register(replace(one, replicas=replicas), ())
    assert [str(one.package) for one in catalogue.packages(held_by=WEST)] == ["maps/sheet/v1"]
    lacking = [str(one.package) for one in catalogue.packages(lacked_by=WEST)]
    assert lacking == ["maps/sheet/v2", "plans/yard/v1"]
    assert catalogue.lacked_by(WEST) == {"maps": 1, "plans": 1}
    assert catalogue.lacked_by(EAST) == {}
    assert catalogue.lacked_by(StoreName("new")) == {"maps": 2, "plans": 1}


def test_another_replica_is_recorded_once_with_its_events(kept: Kept):
    one = replace(a_registration("maps/sheet/v1", "01"), replicas=(replace(LATER, store=EAST),))
    kept.catalogue.register(one, ())
    for _ in range(2):
        kept.catalogue.add_replica(one.package, LATER, [an_event(1)])
    assert [replica.store for replica in kept.catalogue.package(one.package).replicas] == [EAST, WEST]
    assert kept.journal.head().seq == 1
    kept.catalogue.add_replica(one.package, replace(LATER, location="elsewhere"), [an_event(2)])
    assert kept.catalogue.package(one.package).replicas[1] == LATER
    assert kept.journal.head().seq == 1
    with pytest.raises(NotFoundError):
        kept.catalogue.add_replica(package_named("maps/sheet/v7"), LATER)


def test_an_identity_is_that_of_one_store(catalogue: Catalogue):
    one, other = new_store_identity(), new_store_identity()
    catalogue.keep_store_identity(EAST, one)
    catalogue.keep_store_identity(EAST, one)
    with pytest.raises(AlreadyExistsError, match=r"west.*east"):
        catalogue.keep_store_identity(WEST, one)
    catalogue.keep_store_identity(EAST, other)
    catalogue.keep_store_identity(WEST, one)
    assert catalogue.store_identities() == {EAST: other, WEST: one}


def test_the_first_version_of_an_object_is_1(catalogue: Catalogue):
    assert catalogue.reserve(ONE, SHEET, sha256_of("a")) == Reserved(package_named("maps/sheet/v1"))


def test_two_submissions_never_get_one_version(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    assert catalogue.reserve(TWO, SHEET, sha256_of("b")) == Reserved(package_named("maps/sheet/v2"))


def test_submissions_that_ask_at_once_get_versions_of_their_own(catalogue: Catalogue):
    def reserve(number: int) -> Reservation:
        return catalogue.reserve(SubmissionId(f"{number:02x}"), SHEET, sha256_of(str(number)))

    with ThreadPoolExecutor(8) as threads:
        reservations = list(threads.map(reserve, range(24)))
    versions = [each.package.version for each in reservations if isinstance(each, Reserved)]
    assert sorted(versions) == list(range(1, 25))


def test_objects_of_one_name_in_two_collections_are_two(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    other = parse_object_id("albums/sheet")
    assert catalogue.reserve(TWO, other, sha256_of("a")) == Reserved(package_named("albums/sheet/v1"))


def test_a_submission_that_asks_again_gets_its_version_again(catalogue: Catalogue):
    first = catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.reserve(TWO, SHEET, sha256_of("b"))
    assert catalogue.reserve(ONE, SHEET, sha256_of("a")) == first


def test_a_submission_cannot_have_versions_of_two_objects(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    with pytest.raises(AlreadyExistsError, match="maps/sheet/v1"):
        catalogue.reserve(ONE, parse_object_id("maps/other"), sha256_of("a"))


def test_a_released_version_number_is_given_again(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.release(ONE)
    assert catalogue.reserve(TWO, SHEET, sha256_of("b")) == Reserved(package_named("maps/sheet/v1"))


def test_a_later_version_keeps_its_place_when_an_earlier_one_is_released(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.reserve(TWO, SHEET, sha256_of("b"))
    catalogue.release(ONE)
    assert catalogue.reserve(THREE, SHEET, sha256_of("c")) == Reserved(package_named("maps/sheet/v3"))


def test_what_is_reserved_and_not_registered_is_listed(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.reserve(TWO, SHEET, sha256_of("b"))
    assert list(catalogue.reserved()) == [package_named("maps/sheet/v1"), package_named("maps/sheet/v2")]
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    assert list(catalogue.reserved()) == [package_named("maps/sheet/v2")]
    catalogue.release(TWO)
    assert list(catalogue.reserved()) == []


def test_releasing_what_is_not_reserved_does_nothing(catalogue: Catalogue):
    catalogue.release(ONE)
    assert catalogue.counts().packages == 0


def test_a_registered_version_is_not_released(catalogue: Catalogue):
    catalogue.register(a_registration("maps/sheet/v1", ONE), files_of_package())
    with pytest.raises(AlreadyExistsError, match="registered"):
        catalogue.release(ONE)


def test_the_same_content_again_is_already_kept(catalogue: Catalogue):
    registered = a_registration("maps/sheet/v1", ONE, "a")
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.register(registered, files_of_package())
    assert catalogue.reserve(TWO, SHEET, sha256_of("a")) == AlreadyKept(
        registered.package, ONE, registered.replicas
    )
    assert catalogue.reserve(TWO, SHEET, sha256_of("b")) == Reserved(package_named("maps/sheet/v2"))


def test_a_reservation_gives_way_to_the_same_content_registered_meanwhile(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    catalogue.reserve(TWO, SHEET, sha256_of("a"))
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    assert isinstance(catalogue.reserve(TWO, SHEET, sha256_of("a")), AlreadyKept)
    catalogue.release(TWO)
    assert catalogue.reserve(THREE, SHEET, sha256_of("c")) == Reserved(package_named("maps/sheet/v2"))


def test_content_that_only_an_older_version_has_becomes_a_new_version(catalogue: Catalogue):
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    catalogue.register(a_registration("maps/sheet/v2", TWO, "b"), files_of_package())
    assert catalogue.reserve(THREE, SHEET, sha256_of("a")) == Reserved(package_named("maps/sheet/v3"))


def test_the_content_of_a_doubted_version_is_kept_anew_once(catalogue: Catalogue):
    doubted = package_named("maps/sheet/v1")
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    assert catalogue.reserve(TWO, SHEET, sha256_of("a"), doubted) == Reserved(package_named("maps/sheet/v2"))
    catalogue.register(a_registration("maps/sheet/v2", TWO, "a"), files_of_package())
    again = catalogue.reserve(THREE, SHEET, sha256_of("a"), doubted)
    assert isinstance(again, AlreadyKept)
    assert again.package == package_named("maps/sheet/v2")


def test_the_digests_of_several_versions_are_asked_for_at_once(kept: Kept):
    bare = replace(a_registration("maps/atlas/v1", TWO), tag_digests=())
    for one in (a_registration("maps/sheet/v1", ONE), bare):
        kept.catalogue.register(one, files_of_package())
    asked = [package_named(name) for name in ("maps/atlas/v1", "maps/sheet/v1", "maps/sheet/v2")]
    assert kept.catalogue.tag_digests(asked) == {
        asked[0]: (),
        asked[1]: a_registration("maps/sheet/v1", ONE).tag_digests,
    }
    assert kept.catalogue.tag_digests([]) == {}


def test_digests_of_tag_manifests_are_recorded_later_once_and_with_their_event(kept: Kept):
    unrecorded = replace(a_registration("maps/sheet/v1", ONE), tag_digests=())
    digests = a_registration("maps/sheet/v1", ONE).tag_digests
    kept.catalogue.register(unrecorded, files_of_package())
    assert kept.catalogue.package(unrecorded.package).tag_digests == ()
    kept.catalogue.record_tag_digests(unrecorded.package, reversed(digests), [an_event(1)])
    assert kept.catalogue.package(unrecorded.package).tag_digests == digests
    with pytest.raises(AlreadyExistsError, match="maps/sheet/v1"):
        kept.catalogue.record_tag_digests(unrecorded.package, digests[:1], [an_event(2)])
    assert kept.catalogue.package(unrecorded.package).tag_digests == digests
    assert kept.journal.head().seq == 1
    with pytest.raises(NotFoundError, match="maps/sheet/v2"):
        kept.catalogue.record_tag_digests(package_named("maps/sheet/v2"), digests, [])


def test_a_submission_that_had_registered_is_told_so_and_by_whom(catalogue: Catalogue):
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    again = catalogue.reserve(ONE, SHEET, sha256_of("a"))
    assert isinstance(again, AlreadyKept)
    assert again.submission == ONE


def test_a_registered_submission_cannot_bring_other_content(catalogue: Catalogue):
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    with pytest.raises(AlreadyExistsError, match="new submission"):
        catalogue.reserve(ONE, SHEET, sha256_of("b"))


def test_a_registered_version_comes_back_as_it_was_given(catalogue: Catalogue):
    registered = a_registration("maps/Blatt Ü \N{WHITE SMILING FACE}/v1", ONE)
    catalogue.register(registered, files_of_package(3))
    assert catalogue.package(registered.package) == registered
    assert list(catalogue.files(registered.package)) == list(files_of_package(3))


def test_files_come_back_in_their_order_however_many_there_are(catalogue: Catalogue):
    registered = a_registration("maps/sheet/v1", ONE)
    catalogue.register(registered, files_of_package(2500))
    assert list(catalogue.files(registered.package)) == list(files_of_package(2500))


def test_registering_again_changes_nothing_and_reads_no_file(catalogue: Catalogue):
    registered = a_registration("maps/sheet/v1", ONE)
    catalogue.register(registered, files_of_package())

    def unread() -> Iterator[CatalogueFile]:
        raise AssertionError("the files were asked for again")
        yield

    catalogue.register(replace(registered, bytes=99), unread())
    assert list(catalogue.packages()) == [registered]


def test_a_version_is_registered_by_the_submission_that_has_it(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    with pytest.raises(AlreadyExistsError, match="01"):
        catalogue.register(a_registration("maps/sheet/v1", TWO), files_of_package())
    with pytest.raises(AlreadyExistsError, match="maps/sheet/v1"):
        catalogue.register(a_registration("maps/sheet/v2", ONE), files_of_package())
    assert catalogue.counts().packages == 0


def test_a_registration_without_a_reservation_takes_its_version(catalogue: Catalogue):
    catalogue.register(a_registration("maps/sheet/v4", ONE, "a"), files_of_package())
    assert catalogue.reserve(TWO, SHEET, sha256_of("b")) == Reserved(package_named("maps/sheet/v5"))


def test_the_fingerprint_is_that_of_the_registration(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("at first"))
    catalogue.register(a_registration("maps/sheet/v1", ONE, "in the end"), files_of_package())
    assert catalogue.package(package_named("maps/sheet/v1")).fingerprint == sha256_of("in the end")


def test_what_is_registered_and_what_is_journalled_do_not_part(kept: Kept):
    def broken_halfway() -> Iterator[CatalogueFile]:
        yield from files_of_package(1500)
        raise OSError("the record of files broke off")

    registered = a_registration("maps/sheet/v1", ONE)
    with pytest.raises(OSError, match="broke off"):
        kept.catalogue.register(registered, broken_halfway(), [an_event(1)])
    assert list(kept.catalogue.packages()) == []
    assert kept.journal.head().seq == 0

    with pytest.raises(ValueError, match="no time zone"):
        kept.catalogue.register(
            registered, files_of_package(), [replace(an_event(1), at=MOMENT.replace(tzinfo=None))]
        )
    assert list(kept.catalogue.packages()) == []

    kept.catalogue.register(registered, files_of_package(), [an_event(1), an_event(2)])
    kept.catalogue.register(registered, files_of_package(), [an_event(1), an_event(2), an_event(3)])
    assert [entry.detail for entry in kept.journal.about("maps/sheet")] == ["act 1", "act 2", "act 3"]


def test_an_unknown_version_is_said_to_be_unknown(catalogue: Catalogue):
    catalogue.reserve(ONE, SHEET, sha256_of("a"))
    with pytest.raises(NotFoundError, match="maps/sheet/v1"):
        catalogue.package(package_named("maps/sheet/v1"))
    with pytest.raises(NotFoundError, match="maps/sheet/v1"):
        catalogue.files(package_named("maps/sheet/v1"))


def test_the_latest_version_is_the_one_of_the_highest_number(catalogue: Catalogue):
    assert catalogue.latest(SHEET) is None
    catalogue.register(a_registration("maps/sheet/v2", TWO, "b"), files_of_package())
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    catalogue.reserve(THREE, SHEET, sha256_of("c"))
    assert catalogue.latest(SHEET) == a_registration("maps/sheet/v2", TWO, "b")


def test_packages_are_told_by_collection_in_the_order_of_registration(catalogue: Catalogue):
    for number, name in enumerate(("maps/b/v1", "albums/a/v1", "maps/a/v1")):
        catalogue.register(a_registration(name, f"0{number}"), files_of_package())
    assert [str(each.package) for each in catalogue.packages()] == ["maps/b/v1", "albums/a/v1", "maps/a/v1"]
    maps = catalogue.packages(CollectionName("maps"))
    assert [str(each.package) for each in maps] == ["maps/b/v1", "maps/a/v1"]


def test_more_packages_than_a_page_holds_all_come(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("storage.database.opening.PAGE", 3)
    for number in range(10):
        catalogue.register(a_registration(f"maps/{number}/v1", f"s{number}", str(number)), ())
    assert [each.package.object.name for each in catalogue.packages()] == list("0123456789")
    assert all(len(each.replicas) == 2 for each in catalogue.packages())


def test_how_a_submission_ended_is_kept_and_its_later_end_counts(catalogue: Catalogue):
    interrupted = a_conclusion(ONE, Verdict.INTERRUPTED)
    rejected = a_conclusion(TWO, Verdict.REJECTED, receipt=Path("/receipts/maps/sheet.html"))
    stored = a_conclusion(ONE, Verdict.STORED)
    for conclusion in (interrupted, rejected, stored):
        catalogue.conclude(conclusion)
    assert list(catalogue.conclusions()) == [stored, rejected]
    assert list(catalogue.conclusions(Verdict.REJECTED)) == [rejected]
    assert list(catalogue.conclusions(Verdict.INTERRUPTED)) == []


def test_an_end_and_its_event_do_not_part(kept: Kept):
    broken = replace(an_event(1), at=MOMENT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no time zone"):
        kept.catalogue.conclude(a_conclusion(ONE, Verdict.REJECTED), [broken])
    assert list(kept.catalogue.conclusions()) == []
    kept.catalogue.conclude(a_conclusion(ONE, Verdict.REJECTED), [an_event(1)])
    assert kept.journal.head().seq == 1


def test_a_drop_whose_path_is_not_utf8_is_remembered_faithfully(catalogue: Catalogue):
    drop = Path(os.fsdecode(b"/inbox/maps/caf\xe9\n"))
    conclusion = a_conclusion(ONE, Verdict.REJECTED, drop=drop)
    catalogue.conclude(conclusion)
    assert list(catalogue.conclusions()) == [conclusion]


def test_the_history_of_an_object_holds_its_versions_and_its_submissions(catalogue: Catalogue):
    first, second = a_registration("maps/sheet/v1", ONE, "a"), a_registration("maps/sheet/v2", THREE, "c")
    ends = [
        a_conclusion(ONE, Verdict.STORED),
        a_conclusion(TWO, Verdict.REJECTED),
        a_conclusion(THREE, Verdict.STORED),
    ]
    catalogue.register(first, files_of_package())
    catalogue.register(second, files_of_package())
    for end in ends:
        catalogue.conclude(end)
    catalogue.conclude(a_conclusion("04", Verdict.STORED, "maps/sheet-2"))
    history = catalogue.history(SHEET)
    assert history.registrations == (first, second)
    assert history.conclusions == tuple(ends)
    assert catalogue.history(parse_object_id("maps/nothing")).registrations == ()


def test_counts_count_what_is_kept_once(catalogue: Catalogue):
    assert catalogue.counts().objects == 0
    catalogue.register(a_registration("maps/sheet/v1", ONE, "a"), files_of_package())
    catalogue.register(a_registration("maps/sheet/v2", TWO, "b"), files_of_package())
    catalogue.register(a_registration("maps/other/v1", THREE, "c"), files_of_package())
    catalogue.reserve(SubmissionId("04"), SHEET, sha256_of("d"))
    catalogue.conclude(a_conclusion(ONE, Verdict.STORED))
    catalogue.conclude(a_conclusion(TWO, Verdict.WAITING))
    counts = catalogue.counts()
    assert (counts.objects, counts.packages, counts.files, counts.bytes) == (2, 3, 6, 90)
    assert dict(counts.conclusions) == {Verdict.STORED: 1, Verdict.WAITING: 1}


def test_objects_are_listed_by_their_latest_versions_and_found_by_a_part_of_their_names(catalogue: Catalogue):
    catalogue.register(a_registration("maps/Sheet 1_a/v1", ONE, "a"), files_of_package())
    catalogue.register(a_registration("maps/Sheet 1_a/v2", TWO, "b"), files_of_package())
    catalogue.register(a_registration("maps/sheet 12/v1", THREE, "c"), files_of_package())
    catalogue.register(a_registration("books/sheet/v1", SubmissionId("04"), "d"), files_of_package())
    catalogue.reserve(SubmissionId("05"), parse_object_id("maps/reserved"), sha256_of("e"))

    def listed(collection: str = "", search: str = "") -> list[tuple[str, int]]:
        wanted = CollectionName(collection) if collection else None
        return [(str(one.package), one.versions) for one in catalogue.objects(wanted, search)]

    assert sorted(listed()) == [("books/sheet/v1", 1), ("maps/Sheet 1_a/v2", 2), ("maps/sheet 12/v1", 1)]
    assert listed("maps", "SHEET 1_") == [("maps/Sheet 1_a/v2", 2)]
    assert listed("maps", "%") == listed("no-such") == []
    counts = catalogue.counts(CollectionName("maps"))
    assert (counts.objects, counts.packages, counts.files) == (2, 3, 6)


def test_more_objects_than_a_page_holds_are_all_listed_with_one_query_a_page(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(objects, "_OBJECTS", 3)
    names = [f"maps/sheet-{number}" for number in range(8)]
    for number, name in enumerate(names):
        catalogue.register(a_registration(f"{name}/v1", f"{number:02}", name), ())

    assert [str(one.package.object) for one in catalogue.objects()] == names
