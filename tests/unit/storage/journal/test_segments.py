"""Sealed segments in stores: given whole, once, and enough to check and restore the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from support.memory_journal import MemoryJournal
from support.memory_store import MemoryStore
from support.records import MOMENT, an_event, events
from support.store_peers import folder_store

from preservation.errors import IntegrityError, NotFoundError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.database.opening import open_database
from storage.journal.comparing import verify_with_stores
from storage.journal.exported import FOLDER, ExportedJournal, exported_in_folder, restore
from storage.journal.findings import FindingKind
from storage.journal.keys import SigningKey, generate_key, public_keys
from storage.journal.sealing import agreeing, publish, sample
from storage.journal.segments import Segment, segments, sign_head
from storage.journal.sql import SqlJournal
from storage.journal.verification import Broken, FaultKind, Intact, verify_journal
from storage.ports.journal import Journal
from storage.ports.stores import Deposit, SiteName, Store, StorePlace, opened_file

HEAD_MADE_TO_FIT = """
    UPDATE journal_head SET seq = 3, hash =
    (SELECT json_extract(CAST(line AS TEXT), '$.hash') FROM journal WHERE seq = 3)
"""
PLACE = StorePlace(SiteName("here"), "us", "memory")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def key(keys: Path) -> SigningKey:
    return generate_key(keys)


@pytest.fixture
def journal(key: SigningKey) -> MemoryJournal:
    """Five entries, sealed in two segments, and two that are not sealed yet."""
    journal = MemoryJournal()
    journal.append(events(range(3)))
    sign_head(journal, key, MOMENT)
    journal.append(events(range(3, 5)))
    sign_head(journal, key, MOMENT + timedelta(hours=1))
    journal.append(events(range(5, 7)))
    return journal


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(StoreName("memory"), PLACE)
    return folder_store(tmp_path / "store", StoreName("folder"))


def sealed_into(store: Store, journal: Journal, keys: Path, scratch: Path) -> tuple[Segment, ...]:
    """Give a store what it lacks, as a run does; return the segments that it lacked."""
    known = public_keys(keys)
    return publish(journal, known, agreeing(journal, known, store), scratch, sample(journal)).lacking


def exported_in_store(store: Store) -> ExportedJournal:
    names = [str(kept.key) for kept in store.list(FOLDER)]
    return ExportedJournal(store.location(FOLDER), names, lambda name: opened_file(store, StoreKey(name)))


def keys_in(store: Store) -> list[str]:
    return [kept.key for kept in store.list()]


def test_a_segment_is_what_lies_between_two_signed_heads(journal: MemoryJournal):
    assert [(segment.first, segment.signed.head.seq) for segment in segments(journal)] == [(1, 3), (4, 5)]


def test_a_store_is_given_every_segment_once(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path
):
    given = sealed_into(store, journal, keys, tmp_path)
    assert given == segments(journal)
    assert keys_in(store) == [
        "_journal/000000001-000000003.head.json",
        "_journal/000000001-000000003.jsonl",
        "_journal/000000004-000000005.head.json",
        "_journal/000000004-000000005.jsonl",
        f"_journal/journal-{key.identifier}.pub.pem",
    ]
    assert sealed_into(store, journal, keys, tmp_path) == ()
    assert not list(tmp_path.glob("*.json*"))


def test_what_is_new_is_given_later(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path
):
    sealed_into(store, journal, keys, tmp_path)
    sign_head(journal, key, MOMENT + timedelta(hours=2))
    (given,) = sealed_into(store, journal, keys, tmp_path)
    assert given.lines_key == "_journal/000000006-000000007.jsonl"


def test_publishing_goes_on_where_it_was_cut_off(
    journal: MemoryJournal, keys: Path, store: Store, tmp_path: Path, key: SigningKey
):
    class Failing(MemoryStore):
        """Takes three files, then is gone."""

        def create(self, deposits: Iterable[Deposit]) -> None:
            if len(self.shelf.kept) == 4:
                raise UnavailableError("store failing: gone; try again")
            super().create(deposits)

    assert store
    failing = Failing(StoreName("failing"), PLACE)
    with pytest.raises(UnavailableError):
        sealed_into(failing, journal, keys, tmp_path)
    whole = MemoryStore(StoreName("failing"), PLACE)
    whole.shelf = failing.shelf
    assert [segment.first for segment in sealed_into(whole, journal, keys, tmp_path)] == [4]
    verdict = exported_in_store(whole).verify(public_keys(keys))
    assert isinstance(verdict, Intact)
    assert verdict.head.seq == 5
    assert key.identifier in exported_in_store(whole).keys()  # noqa: SIM118  a method of ours


def test_another_installations_journal_in_the_same_store_is_found(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path
):
    another = MemoryJournal()
    another.append(events(range(3), "albums/a/v1"))
    sign_head(another, key, MOMENT)
    (tmp_path / "lines").write_bytes(b"".join(another.lines()))
    store.create(
        [
            Deposit(
                StoreKey("_journal/000000001-000000003.jsonl"),
                tmp_path / "lines",
                (tmp_path / "lines").stat().st_size,
            )
        ]
    )
    with pytest.raises(IntegrityError, match="two installations"):
        sealed_into(store, journal, keys, tmp_path)


def test_only_the_newest_known_head_is_read_before_sealing_and_a_sample_while_sealing(
    journal: MemoryJournal, keys: Path, tmp_path: Path
):
    class Counting(MemoryStore):
        """Remembers what was opened."""

        opened: ClassVar[list[str]] = []

        def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
            self.opened.append(str(key))
            return super().open(key)

    store = Counting(StoreName("memory"), PLACE)
    sealed_into(store, journal, keys, tmp_path)
    store.opened.clear()
    known = public_keys(keys)
    target = agreeing(journal, known, store)
    newest = "_journal/000000004-000000005"
    assert store.opened == [f"{newest}.head.json"]
    store.opened.clear()
    given = publish(journal, known, target, tmp_path, sample(journal)[-1:])
    assert (given.lacking, given.damaged) == ((), ())
    (key,) = known
    assert store.opened == [f"{newest}.jsonl", f"_journal/journal-{key}.pub.pem", f"{newest}.head.json"]


@pytest.mark.parametrize("signed_at", [[3, 5], [3, 6], [5], [7]])
def test_a_journal_that_went_another_way_is_not_sealed_beside_the_first(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path, signed_at: list[int]
):
    sealed_into(store, journal, keys, tmp_path)
    fork = MemoryJournal()
    done = 0
    for last in signed_at:
        # The first three entries are the same, as in a backup.
        fork.append([an_event(number, note="done" if number < 3 else "anew") for number in range(done, last)])
        sign_head(fork, key, MOMENT)
        done = last
    before = keys_in(store)
    with pytest.raises(IntegrityError, match=rf"store {store.name}, _journal/.*docs/journal\.md"):
        sealed_into(store, fork, keys, tmp_path)
    assert keys_in(store) == before


def test_the_same_chain_sealed_at_other_places_has_lost_a_head_and_contradicts_nothing(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path
):
    sealed_into(store, journal, keys, tmp_path)
    same = MemoryJournal()
    same.restore(journal.lines(), journal.signed_heads()[:1])
    sign_head(same, key, MOMENT + timedelta(hours=3))
    compared = verify_with_stores(same, public_keys(keys), [store])
    assert isinstance(compared.verdict, Intact)
    assert [finding.kind for finding in compared.findings] == [FindingKind.HEAD_LOST]
    same.put_back_heads(agreeing(same, public_keys(keys), store).lost)
    sealed_into(store, same, keys, tmp_path)
    compared = verify_with_stores(same, public_keys(keys), [store])
    assert (compared.findings, compared.not_compared) == ((), ())
    verdict = exported_in_store(store).verify(public_keys(keys))
    assert (type(verdict), verdict.head.seq) == (Intact, 7)


def test_a_segment_that_was_sealed_twice_with_other_bounds_is_read_once(
    journal: MemoryJournal, keys: Path, key: SigningKey, store: Store, tmp_path: Path
):
    coarse = MemoryJournal()
    coarse.restore(journal.lines(), ())
    sign_head(coarse, key, MOMENT + timedelta(hours=3))
    sealed_into(store, coarse, keys, tmp_path)
    coarse.put_back_heads(journal.signed_heads())
    sealed_into(store, coarse, keys, tmp_path)
    assert len(keys_in(store)) == 9
    verdict = exported_in_store(store).verify(public_keys(keys))
    assert (type(verdict), verdict.head.seq) == (Intact, 7)


def test_a_file_that_is_no_head_stops_the_sealing(journal: MemoryJournal, keys: Path, tmp_path: Path):
    store = MemoryStore(StoreName("memory"), PLACE)
    store.shelf.kept[StoreKey("_journal/x.head.json")] = b"rubbish"
    with pytest.raises(IntegrityError, match=r"_journal/x\.head\.json: this is not a signed head"):
        sealed_into(store, journal, keys, tmp_path)
    assert keys_in(store) == ["_journal/x.head.json"]


def test_each_store_is_named_with_what_it_knows(journal: MemoryJournal, keys: Path, tmp_path: Path):
    stores = [MemoryStore(StoreName(name), PLACE) for name in ("east", "west")]
    for store in stores:
        sealed_into(store, journal, keys, tmp_path)
    verdict = verify_with_stores(MemoryJournal(), public_keys(keys), stores).verdict
    assert isinstance(verdict, Broken)
    assert [(fault.kind, fault.seq) for fault in verdict.faults] == [(FaultKind.TRUNCATED, 5)] * 2
    assert ["east" in fault.message for fault in verdict.faults] == [True, False]


def test_a_journal_is_checked_and_restored_from_a_store_alone(
    journal: MemoryJournal, keys: Path, store: Store, tmp_path: Path
):
    sealed_into(store, journal, keys, tmp_path)
    with open_database(f"sqlite:///{tmp_path / 'new.db'}") as database:
        restored = SqlJournal(database)
        head = restore(restored, exported_in_store(store), public_keys(keys))
        assert head.seq == 5
        assert list(restored.lines()) == list(journal.lines())[:5]
        assert isinstance(verify_journal(restored, public_keys(keys)), Intact)
        assert restore(restored, exported_in_store(store), public_keys(keys)) == head


def test_a_store_without_a_segment_is_not_restored_from(journal: MemoryJournal, keys: Path, tmp_path: Path):
    store = MemoryStore(StoreName("memory"), PLACE)
    sealed_into(store, journal, keys, tmp_path)
    for end in ("jsonl", "head.json"):
        del store.shelf.kept[StoreKey(f"_journal/000000001-000000003.{end}")]
    verdict = exported_in_store(store).verify(public_keys(keys))
    assert isinstance(verdict, Broken)
    assert (verdict.faults[0].kind, verdict.faults[0].seq) == (FaultKind.MISSING, 1)
    with pytest.raises(IntegrityError, match="entry 1 is missing"):
        restore(MemoryJournal(), exported_in_store(store), public_keys(keys))


def test_a_store_without_a_journal_says_so(store: Store):
    with pytest.raises(NotFoundError, match="no journal"):
        exported_in_store(store)


def test_a_folder_without_a_journal_says_so(tmp_path: Path):
    with pytest.raises(NotFoundError, match="no journal"):
        exported_in_folder(tmp_path)
    with pytest.raises(NotFoundError, match="no such file"):
        exported_in_folder(tmp_path / "nothing")


def test_a_head_that_cannot_be_read_is_named(journal: MemoryJournal, keys: Path, tmp_path: Path):
    store = MemoryStore(StoreName("memory"), PLACE)
    sealed_into(store, journal, keys, tmp_path)
    key = StoreKey("_journal/000000001-000000003.head.json")
    for broken in (
        b"rubbish\n",
        b"{}\n",
        json.dumps({**json.loads(store.shelf.kept[key]), "seq": 0}).encode(),
    ):
        store.shelf.kept[key] = broken
        with pytest.raises(IntegrityError, match=r"000000001-000000003\.head\.json"):
            exported_in_store(store).heads()


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["DELETE FROM journal WHERE seq = 5"], "entry 5 is missing"),
        (["DELETE FROM journal WHERE seq = 6"], "cut off from entry 6"),
        # Somebody cut off more than was signed, and made the chain's head fit.
        (
            ["DELETE FROM journal WHERE seq > 3", HEAD_MADE_TO_FIT],
            "cut off from entry 4",
        ),
    ],
)
def test_a_broken_journal_is_not_signed(key: SigningKey, tmp_path: Path, statements: list[str], named: str):
    with open_database(f"sqlite:///{tmp_path / 'records.db'}") as database:
        journal = SqlJournal(database)
        journal.append(events(range(4)))
        signed = sign_head(journal, key, MOMENT)
        journal.append(events(range(4, 6)))
        with database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER journal_is_append_only_DELETE")
            for statement in statements:
                connection.exec_driver_sql(statement)
        with pytest.raises(IntegrityError, match=named):
            sign_head(journal, key, MOMENT)
        assert journal.signed_heads() == (signed,)
