"""Restoring: what lands is what was kept, from whichever replica has it; and nothing is replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import UnreadableStore, ending, flipping
from support.memory_store import MemoryStore
from support.versions import Room

from preservation.errors import AlreadyExistsError, IntegrityError, NotFoundError, UnavailableError
from preservation.model.identifiers import VersionNumber
from preservation.model.paths import StoreKey
from storage.ports.stores import Store
from storage.restore.outcomes import Restored
from storage.restore.restore import restore
from storage.restore.source import find_source, latest_in, wanted_files
from storage.restore.target import look_into, opened_target
from storage.restore.times import with_times

FIRST = {"cover.tif": b"the cover", "page 1.tif": b"one" * 9999, "sub/ü\n%.tif": b"two", "empty": b""}
SECOND = {**FIRST, "page 2.tif": b"new"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path / "room")
    room.keep(FIRST, 1)
    room.keep(SECOND, 2)
    return room


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def restored(
    room: Room,
    target: Path,
    number: int = 2,
    *,
    named: tuple[str, ...] = (),
    whole: bool = False,
    threads: int = 2,
) -> Restored:
    source = find_source(room.package(number), tuple(room.stores), None)
    wanted = wanted_files(source.description, named, whole=whole)
    with opened_target(target) as landing:
        missing = look_into(target, wanted).missing
        return restore(room.package(number), missing, source.stores, landing, threads=threads)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shelf(store: Store) -> dict[StoreKey, bytes]:
    assert isinstance(store, MemoryStore)
    return store.shelf.kept


def test_the_originals_come_back_under_their_names_whatever_version_has_the_bytes(room: Room, target: Path):
    done = restored(room, target)
    assert content_of(target) == SECOND
    assert (done.folder, done.files, done.issues, dict(done.sources)) == (target, 5, [], {"first": 5})
    assert done.bytes == sum(map(len, SECOND.values()))


def test_an_earlier_version_comes_back_as_it_was(room: Room, target: Path):
    restored(room, target, 1)
    assert content_of(target) == FIRST


def test_the_whole_bag_has_all_its_files_in_one_place(room: Room, target: Path):
    restored(room, target, whole=True)
    found = content_of(target)
    assert {path for path in found if path.startswith("data/")} == {
        f"data/originals/{path}" for path in SECOND
    }
    assert {"fetch.txt", "bagit.txt", "metadata/premis.xml", "tagmanifest-sha256.txt"} <= found.keys()


def test_only_the_named_files_come_as_dropped_or_by_their_path_in_the_bag(room: Room, target: Path):
    restored(room, target, named=("sub/ü\n%.tif", "metadata/policy.toml"))
    assert set(content_of(target)) == {"sub/ü\n%.tif", "metadata/policy.toml"}


def test_a_file_that_the_version_has_not_is_named(room: Room, target: Path):
    with pytest.raises(NotFoundError, match=r"\.\./\.\./etc/passwd"):
        restored(room, target, named=("../../etc/passwd",))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda store: flipping(store, ending("page 1.tif")), "RST-002"),
        (lambda store: UnreadableStore(store, ending("page 1.tif")), "RST-003"),
    ],
)
def test_a_file_that_one_replica_cannot_give_comes_from_the_other_and_that_is_told(
    room: Room, target: Path, spoil: Callable[[Store], Store], code: str
):
    room.stores = (spoil(room.stores[0]), room.stores[1])
    done = restored(room, target)
    assert content_of(target) == SECOND
    [issue] = done.issues
    assert (issue.code, issue.path, issue.severity.value) == (code, "data/originals/page 1.tif", "warning")
    assert "first" in issue.message
    assert dict(done.sources) == {"first": 4, "second": 1}


def test_a_lost_file_comes_from_the_other_replica(room: Room, target: Path):
    del shelf(room.stores[0])[f"{room.package(1)}/data/originals/cover.tif"]
    done = restored(room, target)
    assert content_of(target) == SECOND
    assert [issue.code for issue in done.issues] == ["RST-001"]


def test_where_no_replica_has_a_file_the_target_is_not_made_and_the_rest_is_set_aside(
    room: Room, target: Path
):
    shelf(room.stores[0])[f"{room.package(1)}/data/originals/cover.tif"] = b"not it"
    del shelf(room.stores[1])[f"{room.package(1)}/data/originals/cover.tif"]
    done = restored(room, target)
    assert not target.exists()
    assert done.lost == ["data/originals/cover.tif"]
    assert done.folder == target.with_name("target.incomplete")
    assert content_of(done.folder) == {
        path: content for path, content in SECOND.items() if path != "cover.tif"
    }
    assert {issue.code for issue in done.issues} == {"RST-001", "RST-002", "RST-004"}


def test_nothing_is_left_behind_where_nothing_could_be_had(room: Room, target: Path):
    for store in room.stores:
        del shelf(store)[f"{room.package(1)}/data/originals/cover.tif"]
    done = restored(room, target, named=("cover.tif",))
    assert (done.folder, done.files) == (None, 0)
    assert list(target.parent.glob("*target*")) == []
    assert list(target.parent.glob(".restoring-*")) == []


def test_a_file_that_is_in_the_way_is_named_and_nothing_is_read(room: Room, target: Path):
    target.mkdir()
    (target / "page 1.tif").write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError, match=r"page 1\.tif"):
        restored(room, target)
    assert content_of(target) == {"page 1.tif": b"mine"}


def test_what_else_is_in_the_target_stays(room: Room, target: Path):
    (target / "sub").mkdir(parents=True)
    (target / "sub/notes.txt").write_bytes(b"mine")
    restored(room, target)
    assert content_of(target) == {**SECOND, "sub/notes.txt": b"mine"}
    assert list(target.parent.glob(".restoring-*")) == []


def test_a_file_that_comes_in_the_way_meanwhile_is_not_replaced(room: Room, target: Path):
    target.mkdir()
    (target / "notes.txt").write_bytes(b"mine")
    source = find_source(room.package(2), tuple(room.stores), None)
    wanted = wanted_files(source.description, (), whole=False)
    with opened_target(target) as landing:
        (target / "page 1.tif").write_bytes(b"mine too")
        with pytest.raises(AlreadyExistsError, match=r"page 1\.tif"):
            restore(room.package(2), wanted, source.stores, landing, threads=1)
    assert (target / "page 1.tif").read_bytes() == b"mine too"


def retold(store: Store, prefix: str, listing: str, old: bytes, new: bytes) -> None:
    """Alter a manifest, and the tag manifest with it, so that both agree."""
    kept = shelf(store)
    before = kept[f"{prefix}/{listing}"]
    after = before.replace(old, new)
    assert after != before
    tags = kept[f"{prefix}/tagmanifest-sha256.txt"]
    kept[f"{prefix}/{listing}"] = after
    kept[f"{prefix}/tagmanifest-sha256.txt"] = tags.replace(
        hashlib.sha256(before).hexdigest().encode(), hashlib.sha256(after).hexdigest().encode()
    )


@pytest.mark.parametrize(
    ("listing", "old", "new"),
    [
        ("manifest-sha256.txt", b"  data/originals/page 2.tif", b"  ../../escaped"),
        ("manifest-sha256.txt", b"  data/originals/page 2.tif", b"  /tmp/escaped"),
        ("manifest-sha256.txt", b"  data/originals/page 2.tif", b"  data/../../escaped"),
        ("manifest-sha256.txt", b"  data/originals/page 2.tif", b"  escaped"),
        ("fetch.txt", b"sheet-012/v1/data/originals/cover.tif", b"sheet-012/v1/../../other/v1/data/x"),
        ("fetch.txt", b"sheet-012/v1/data/originals/cover.tif", b"sheet-013/v1/data/originals/cover.tif"),
        ("fetch.txt", b"sheet-012/v1/data/originals/cover.tif", b"sheet-012/v9/data/originals/cover.tif"),
    ],
)
def test_lists_that_name_what_no_version_can_hold_are_not_followed(
    room: Room, target: Path, listing: str, old: bytes, new: bytes
):
    for store in room.stores:
        retold(store, str(room.package(2)), listing, old, new)
    with pytest.raises(IntegrityError, match=listing.partition(".")[0]):
        restored(room, target)
    assert not target.exists()


def test_a_replica_whose_manifest_is_damaged_is_passed_over_and_told(room: Room, target: Path):
    shelf(room.stores[0])[f"{room.package(2)}/manifest-sha256.txt"] += b"x"
    source = find_source(room.package(2), tuple(room.stores), None)
    assert [issue.code for issue in source.issues] == ["RST-005"]
    assert "manifest-sha256.txt" in source.issues[0].message
    restored(room, target)
    assert content_of(target) == SECOND


def test_a_replica_that_agrees_with_itself_but_not_with_the_catalogue_is_passed_over(room: Room):
    store = room.stores[0]
    digests = {name: hashlib.sha256(name).hexdigest().encode() for name in (b"new", b"forged")}
    retold(store, str(room.package(2)), "manifest-sha256.txt", digests[b"new"], digests[b"forged"])
    shelf(store)[f"{room.package(2)}/data/originals/page 2.tif"] = b"forged"
    known = {file.path: file.digests for file in room.catalogue.files(room.package(2))}
    source = find_source(room.package(2), tuple(room.stores), known)
    assert "page 2.tif" in source.issues[0].message
    assert "catalogue" in source.issues[0].message


def test_a_version_without_its_tag_manifest_does_not_exist(room: Room):
    for store in room.stores:
        del shelf(store)[f"{room.package(2)}/tagmanifest-sha256.txt"]
    assert latest_in(room.object_id, room.stores) == VersionNumber(1)
    with pytest.raises(NotFoundError, match="v2"):
        find_source(room.package(2), tuple(room.stores), None)


def test_a_store_that_does_not_answer_is_told_and_the_other_one_read(room: Room, target: Path):
    class Away(MemoryStore):
        def open(self, key: str) -> object:
            raise UnavailableError(f"store {self.name}: no answer for {key}")

    room.stores = (Away(room.stores[0].name, room.stores[0].place), room.stores[1])
    done = restored(room, target)
    assert content_of(target) == SECOND
    assert dict(done.sources) == {"second": 5}


def test_every_original_has_its_recorded_time_whatever_its_name_and_version(room: Room, target: Path):
    source = find_source(room.package(2), tuple(room.stores), None)
    timed = with_times(wanted_files(source.description, (), whole=False), source.description, source.stores)
    assert timed is not None
    assert {file.place: file.modified for file in timed} == dict.fromkeys(SECOND, 0)
    with opened_target(target) as landing:
        restore(room.package(2), timed, source.stores, landing, threads=2)
    assert {path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()} == {0}


def test_a_time_that_the_target_cannot_hold_is_said_and_the_file_is_there(room: Room, target: Path):
    source = find_source(room.package(1), tuple(room.stores), None)
    wanted = wanted_files(source.description, ("cover.tif", "empty"), whole=False)
    with opened_target(target) as landing:
        timed = [replace(wanted[0], modified=10**40), replace(wanted[1], modified=10**9)]
        done = restore(room.package(1), timed, source.stores, landing, threads=2)
    assert content_of(target) == {"cover.tif": FIRST["cover.tif"], "empty": b""}
    assert [(issue.code, issue.severity) for issue in done.issues] == [("RST-012", "info")]
    assert "1 file cannot have it" in done.issues[0].message
    assert (target / "empty").stat().st_mtime_ns == 10**9


def test_a_record_that_is_not_as_it_was_kept_gives_no_times(room: Room):
    store = room.stores[0]
    source = find_source(room.package(1), (store,), None)
    key = next(key for key in shelf(store) if key.endswith("v1/metadata/premis.xml"))
    shelf(store)[key] = shelf(store)[key].replace(b"1970-", b"1971-")
    wanted = wanted_files(source.description, (), whole=False)
    assert with_times(wanted, source.description, (store,)) is None
    others = with_times(wanted, source.description, tuple(room.stores))
    assert others is not None
    assert {file.modified for file in others} == {0}
