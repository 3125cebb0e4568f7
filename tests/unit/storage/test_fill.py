"""A package is brought into a store that lacks it from those that have it: the same bytes, or an outcome."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from fakes import FullStore, VanishingStore, WrappedStore, ending, flipping
from ordeals.forging import shelf
from support.forgeries import forge
from support.memory_store import MemoryPurger, MemoryStore
from support.store_peers import folder_store, memory_store
from support.versions import Room

from preservation.errors import IntegrityError, NotFoundError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.fill import fill
from storage.ports.stores import Purger, SiteName, Store
from storage.replication.outcomes import Failed, Mismatch, StoreOutcome, Verified
from storage.tag_digests import recorded_digests

FIRST = {
    "cover.tif": b"the cover",
    "page 1.tif": b"page one",
    "empty.txt": b"",
    "sub/100 %.txt": b"in a folder",
}
SECOND = {**FIRST, "page 2.tif": b"page two"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep(FIRST, 1)
    room.keep(SECOND, 2)
    return room


@pytest.fixture
def third() -> MemoryStore:
    return memory_store(StoreName("third"), SiteName("far"))


def content_of(store: MemoryStore) -> dict[str, bytes]:
    return store.shelf.kept


def filled(
    room: Room,
    target: Store,
    number: int,
    purger: Purger | None = None,
    damaged: list[tuple[str, str]] | None = None,
    scratch: Path | None = None,
) -> StoreOutcome:
    scratch = scratch or Path(tempfile.mkdtemp(dir=room.root))
    package = room.package(number)
    files = partial(room.catalogue.files, package)
    seen: list[tuple[str, str]] = [] if damaged is None else damaged
    outcome = fill(
        package,
        target,
        room.stores,
        files,
        recorded_digests(room.catalogue, room.journal, package).digests if room.records else (),
        purger=purger,
        scratch=scratch,
        threads=2,
        clock=lambda: room.catalogue.package(package).registered_at,
        damaged=lambda store, sentence: seen.append((store, sentence)),
    )
    assert not isinstance(outcome, Verified) or list(scratch.iterdir()) == []
    return outcome


def test_what_is_filled_is_what_the_others_have_and_counts_as_they_do(room: Room, third: MemoryStore):
    for number in (1, 2):
        outcome = filled(room, third, number)
        assert isinstance(outcome, Verified), outcome
        kept = room.catalogue.package(room.package(number)).replicas[0]
        assert (outcome.replica.files, outcome.replica.bytes) == (kept.files, kept.bytes)
    assert content_of(third) == content_of(room.stores[0])


def test_a_replica_that_was_altered_with_its_manifests_made_to_fit_is_not_copied(
    room: Room, third: MemoryStore
):
    forge(shelf(room, 0), room.package(1), "metadata/premis.xml", b"<premis/>")
    assert isinstance(filled(room, third, 1), Verified)
    assert content_of(third) == {key: content for key, content in shelf(room, 1).items() if "/v1/" in key}


def test_where_only_an_altered_replica_is_left_nothing_is_copied(room: Room, third: MemoryStore):
    forge(shelf(room, 0), room.package(1), "metadata/premis.xml", b"<premis/>")
    shelf(room, 1).clear()
    with pytest.raises(IntegrityError):
        filled(room, third, 1)
    assert content_of(third) == {}


def test_a_version_whose_earlier_bytes_are_not_as_they_were_kept_is_not_filled(
    room: Room, third: MemoryStore
):
    assert isinstance(filled(room, third, 1), Verified)
    (cover,) = (key for key in content_of(third) if key.endswith("cover.tif"))
    content_of(third)[cover] = b"the COVER"
    outcome = filled(room, third, 2)
    assert isinstance(outcome, Mismatch)
    assert "cover.tif, on which" in outcome.reason
    assert f"{room.package(2)}/tagmanifest-sha256.txt" not in content_of(third)


def test_a_folder_store_is_filled_as_well(room: Room, tmp_path: Path):
    target = folder_store(tmp_path / "third", StoreName("third"))
    assert all(isinstance(filled(room, target, number), Verified) for number in (1, 2))
    assert [kept.key for kept in target.list()] == [kept.key for kept in room.stores[0].list()]


def test_the_commit_is_written_last(room: Room, third: MemoryStore):
    target = WrappedStore(third)
    filled(room, target, 1)
    assert target.created[-1] == f"{room.package(1)}/tagmanifest-sha256.txt"


def test_a_version_is_not_committed_where_the_ones_it_relies_on_are_lacking(room: Room, third: MemoryStore):
    outcome = filled(room, third, 2)
    assert isinstance(outcome, Failed)
    assert "of earlier versions" in outcome.reason
    assert f"{room.package(2)}/tagmanifest-sha256.txt" not in content_of(third)
    assert all(isinstance(filled(room, third, number), Verified) for number in (1, 2))


@pytest.mark.parametrize("damaged", [0, 1])
@pytest.mark.parametrize("name", ["data/originals/cover.tif", "metadata/premis.xml", "manifest-sha256.txt"])
def test_a_file_that_one_store_has_otherwise_is_taken_from_the_other(
    room: Room, third: MemoryStore, damaged: int, name: str
):
    sound = content_of(room.stores[1 - damaged])
    content_of(room.stores[damaged])[f"{room.package(1)}/{name}"] = b"other bytes"
    seen: list[tuple[str, str]] = []
    assert isinstance(filled(room, third, 1, damaged=seen), Verified)
    # The second store is read only where the first one cannot give it.
    assert {store for store, _ in seen} == (set() if damaged else {"first"})
    assert all(f"{name.rpartition('/')[2]}" in sentence for _, sentence in seen)
    for key, content in content_of(third).items():
        assert content == sound[key]


def test_what_no_store_has_as_it_was_kept_is_an_outcome_and_is_not_committed(room: Room, third: MemoryStore):
    for store in room.stores:
        content_of(store)[f"{room.package(1)}/data/originals/cover.tif"] = b"other bytes"
    seen: list[tuple[str, str]] = []
    outcome = filled(room, third, 1, damaged=seen)
    assert isinstance(outcome, Failed)
    assert "cover.tif" in outcome.reason
    assert [store for store, _ in seen] == ["first", "second"]
    assert f"{room.package(1)}/tagmanifest-sha256.txt" not in content_of(third)


def test_a_package_that_no_store_has_is_an_error(room: Room, third: MemoryStore):
    for store in room.stores:
        content_of(store).clear()
    with pytest.raises(NotFoundError):
        filled(room, third, 1)
    assert content_of(third) == {}


def test_a_target_that_gives_back_other_bytes_is_at_fault_and_nothing_is_committed(
    room: Room, third: MemoryStore
):
    outcome = filled(room, flipping(third, ending("cover.tif")), 1)
    assert isinstance(outcome, Mismatch)
    assert outcome.at_fault == "store"
    assert f"{room.package(1)}/tagmanifest-sha256.txt" not in content_of(third)


@pytest.mark.parametrize("room_left", range(0, 12, 3))
def test_a_target_that_fails_midway_is_filled_by_the_next_run(room: Room, third: MemoryStore, room_left: int):
    outcome = filled(room, FullStore(third, room_left), 1)
    assert isinstance(outcome, Failed)
    assert isinstance(filled(room, third, 1), Verified)
    assert content_of(third) == {
        key: content for key, content in content_of(room.stores[0]).items() if "/v1/" in key
    }


def test_what_an_earlier_try_left_damaged_is_taken_away_and_written_anew(room: Room, third: MemoryStore):
    filled(room, FullStore(third, 5), 1)
    for key in content_of(third):
        content_of(third)[key] = b"torn"
    assert isinstance(filled(room, third, 1, MemoryPurger(third.name, third.shelf, COMMITS)), Verified)


def test_what_lies_in_the_place_of_a_version_and_is_not_of_it_is_not_taken_away(
    room: Room, third: MemoryStore
):
    assert isinstance(filled(room, third, 1), Verified)
    package, content = room.package(1), content_of(third)
    for name in [key for key in content if "/tagmanifest-" in key]:
        del content[name]
    content[StoreKey(f"{package.prefix}/bag-info.txt")] = b"Source-Organization: somebody\n"
    somebodys = dict(content)
    outcome = filled(room, third, 1, MemoryPurger(third.name, third.shelf, COMMITS))
    assert isinstance(outcome, Failed)
    assert "move that folder elsewhere" in outcome.reason
    assert content_of(third) == somebodys


def test_a_source_that_goes_midway_is_replaced_by_the_other(room: Room, third: MemoryStore):
    room.stores = (VanishingStore(room.stores[0], 6), room.stores[1])
    with_one_gone = filled(room, third, 1)
    assert isinstance(with_one_gone, Verified), with_one_gone


def test_the_catalogue_must_agree_with_the_replica_that_is_copied(room: Room, third: MemoryStore):
    files = partial(room.catalogue.files, room.package(2))
    with pytest.raises(IntegrityError):
        fill(
            room.package(1),
            third,
            room.stores,
            files,
            purger=None,
            scratch=room.root,
            threads=1,
            clock=lambda: room.catalogue.package(room.package(1)).registered_at,
            damaged=lambda _store, _sentence: None,
        )
    assert content_of(third) == {}


def unreadable(stream: ByteStream) -> ByteStream:
    class Broken:
        def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
            stream.readinto(memoryview(buffer)[:3])
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return Broken()


class FailingDisk(WrappedStore):
    """A store whose disk fails while the cover is read."""

    @contextmanager
    def open(self, key: StoreKey) -> Iterator[ByteStream]:
        with super().open(key) as stream:
            yield unreadable(stream) if key.endswith("cover.tif") else stream


def test_a_file_that_a_store_has_lost_or_cannot_read_is_reported_of_that_store(
    room: Room, third: MemoryStore
):
    seen: list[tuple[str, str]] = []
    sound = room.stores[0]
    room.stores = (FailingDisk(sound), room.stores[1])
    assert isinstance(filled(room, third, 1, damaged=seen), Verified)
    key = f"{room.package(1)}/data/originals/cover.tif"
    [(store, sentence)] = seen
    assert (store, sentence) == (
        "first",
        f"store first: {key} cannot be read: Input/output error; find out what happened there",
    )
    seen.clear()
    content_of(third).clear()
    room.stores = (sound, room.stores[1])
    del content_of(room.stores[0])[key]
    assert isinstance(filled(room, third, 1, damaged=seen), Verified)
    assert seen == [("first", f"store first: {key} is not there; find out what happened there")]


def test_a_store_that_is_away_is_not_reported_as_damaged(room: Room, third: MemoryStore):
    seen: list[tuple[str, str]] = []
    room.stores = (VanishingStore(room.stores[0], 6), room.stores[1])
    assert isinstance(filled(room, third, 1, damaged=seen), Verified)
    assert seen == []


def test_a_scratch_folder_that_is_full_or_fails_is_named_and_no_store_is_blamed(
    room: Room, third: MemoryStore, tmp_path: Path
):
    seen: list[tuple[str, str]] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for number in range(20):
        # Writing to it fails as on a full disk, and opening is not what fails.
        (scratch / str(number)).symlink_to("/dev/full")
    for target in (third, folder_store(tmp_path / "fourth", StoreName("fourth"))):
        outcome = filled(room, target, 1, damaged=seen, scratch=scratch)
        assert isinstance(outcome, Failed)
        assert outcome.reason == (
            f"no space is left for what is being copied, in {scratch}; free space there"
        )
        assert outcome.retryable
    gone = tmp_path / "gone"
    with pytest.raises(UnavailableError, match=f"what is being copied cannot be written to {gone}: "):
        filled(room, third, 1, damaged=seen, scratch=gone)
    assert seen == []
    assert content_of(third) == {}


def test_what_to_do_next_is_of_a_fill_and_not_of_a_restore_or_a_drop(room: Room, third: MemoryStore):
    forge(shelf(room, 0), room.package(1), "metadata/premis.xml", b"<premis/>")
    room.records = False
    with pytest.raises(IntegrityError, match="put its replica back from a backup of that store") as differing:
        filled(room, third, 1)
    content_of(third).update(shelf(room, 0))
    room.stores = room.stores[1:]
    committed = filled(room, third, 1)
    assert isinstance(committed, Mismatch)
    assert "Find out who wrote it there" in committed.reason
    shelf(room, 0).clear()
    with pytest.raises(NotFoundError, match="by the catalogue") as nowhere:
        filled(room, third, 1)
    for sentence in (str(differing.value), committed.reason, str(nowhere.value)):
        assert not any(word in sentence for word in ("--from", "--as", "the drop", "check the name"))
