"""A replica is read whole: each damage is found and called by its name, and what is sound is confirmed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from fakes import UnreadableStore, WrappedStore, ending, flipping
from ordeals.forging import shelf
from support.forgeries import forge
from support.store_peers import folder_store, memory_store
from support.versions import NOW, Room

from preservation.errors import DeniedError, IntegrityError, NotFoundError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.damage import DamageKind
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath, StoreKey, path_order
from storage.audits import replica
from storage.audits.replica import PartRead, ReplicaReader
from storage.ports.stores import SiteName, Store
from storage.tag_digests import recorded_digests

FIRST = {
    "cover.tif": b"the cover",
    "page 1.tif": b"page one",
    "empty.txt": b"",
    "sub/100 %.txt": b"in a folder",
    "sub.txt": b"beside the folder",
    "line\nbreak": b"a name of two lines",
}
SECOND = {**FIRST, "page 2.tif": b"page two", "a.txt": b"before all others"}
COVER = "data/originals/cover.tif"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep(FIRST, 1)
    room.keep(SECOND, 2)
    return room


def reader(room: Room, store: Store | None = None, fresh: Store | None = None) -> ReplicaReader:
    store = store or room.stores[0]
    others = [one for one in room.stores if one.name != store.name]
    return ReplicaReader(
        store, others, lambda: fresh or store, room.root, threads=2, clock=lambda: NOW, pause=0.0
    )


def parts(
    room: Room, number: int = 1, of: ReplicaReader | None = None, after: str | None = None
) -> list[PartRead]:
    package = room.package(number)
    recorded = recorded_digests(room.catalogue, room.journal, package)
    assert not recorded.doubts
    where = None if after is None else BagPath(after)
    return list((of or reader(room)).read(package, recorded.digests, where))


def read(room: Room, number: int = 1, of: ReplicaReader | None = None) -> PartRead:
    [part] = parts(room, number, of)
    assert part.reached is None
    return part


def found(part: PartRead) -> dict[str, str]:
    return {one.path: one.kind.value for one in part.damages}


def key(room: Room, path: str, number: int = 1) -> StoreKey:
    return StoreKey(f"{room.package(number).prefix}/{path}")


def files_of(room: Room, number: int = 1) -> list[StoreKey]:
    return [kept.key for kept in room.stores[0].list(room.package(number).prefix)]


@pytest.mark.parametrize("number", [1, 2])
def test_every_file_of_a_sound_replica_is_read_once_and_confirmed(room: Room, number: int):
    store = WrappedStore(room.stores[0])
    part = read(room, number, reader(room, store))
    files = files_of(room, number)
    assert found(part) == {}
    assert part.confirmed == len(files)
    assert part.bytes == sum(len(shelf(room, 0)[one]) for one in files)
    assert part.lists_in == "first"
    payload = [one for one in store.opened if "/data/" in one]
    assert sorted(payload) == sorted(one for one in files if "/data/" in one)
    replicas = room.catalogue.package(room.package(number)).replicas
    assert {(one.files, one.bytes) for one in replicas} == {(part.confirmed, part.bytes)}


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1, *content[1:]]) if content else b"x"


def cut(content: bytes) -> bytes:
    return content[:-1] if content else b"x"


def nothing(content: bytes) -> bytes:
    return b"" if content else b"x"


def zeros(content: bytes) -> bytes:
    return bytes(len(content)) if content else b"x"


@pytest.mark.parametrize("alter", [flip, cut, nothing, zeros])
def test_other_bytes_are_found_in_every_file_of_a_replica(room: Room, alter: Callable[[bytes], bytes]):
    for number in (1, 2):
        for one in files_of(room, number):
            before = shelf(room, 0)[one]
            shelf(room, 0)[one] = alter(before)
            part = read(room, number)
            path = one.removeprefix(f"{room.package(number).prefix}/")
            assert found(part) == {path: "mismatched"}
            [damage] = part.damages
            assert damage.found_size == len(alter(before))
            assert damage.found != damage.promised
            assert (damage.package, damage.store, damage.at) == (room.package(number), "first", NOW)
            shelf(room, 0)[one] = before
        assert read(room, number).damages == ()


def test_every_file_that_is_missing_is_found(room: Room):
    for one in files_of(room):
        before = shelf(room, 0).pop(one)
        assert found(read(room)) == {one.removeprefix(f"{room.package(1).prefix}/"): "missing"}
        shelf(room, 0)[one] = before


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "zzz",
        "data/a",
        "data/originals/cover.tif.bak",
        "data/zzz",
        "tagmanifest-md5.txt",
        "data/originals/sub-x",
    ],
)
def test_a_file_that_no_manifest_names_is_found_wherever_it_lies(room: Room, path: str):
    shelf(room, 0)[key(room, path)] = b"put there by hand"
    assert found(read(room)) == {path: "unexpected"}


def test_a_payload_that_was_altered_with_its_manifests_made_to_fit_is_found(room: Room):
    forge(shelf(room, 0), room.package(1), COVER, b"another cover")
    part = read(room)
    assert set(found(part).values()) == {"mismatched"}
    assert {COVER, "manifest-sha256.txt", "tagmanifest-sha256.txt"} <= found(part).keys()
    assert part.lists_in == "second"


def test_lists_that_are_damaged_here_are_taken_from_another_store_and_are_damage_here(room: Room):
    for path in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        before = shelf(room, 0)[key(room, path)]
        shelf(room, 0)[key(room, path)] = b"no list"
        part = read(room)
        assert (found(part), part.lists_in) == ({path: "mismatched"}, "second")
        shelf(room, 0)[key(room, path)] = before


def test_where_no_store_has_the_lists_as_they_were_kept_nothing_is_said_of_the_files(room: Room):
    for number in (0, 1):
        shelf(room, number)[key(room, "manifest-sha256.txt")] = b"no list"
    with pytest.raises(IntegrityError, match=r"first.*manifest-sha256.*second.*manifest-sha256"):
        read(room)


def test_a_replica_that_is_gone_as_a_whole_is_one_damage(room: Room):
    for one in files_of(room):
        del shelf(room, 0)[one]
    [damage] = read(room).damages
    assert (damage.path, damage.kind) == ("", DamageKind.MISSING)
    # The later version relies on it, and is itself as it was kept.
    assert read(room, 2).damages == ()


def test_a_replica_of_which_only_the_tag_manifest_is_gone_is_not_gone(room: Room):
    for one in [one for one in files_of(room) if "tagmanifest" in one]:
        del shelf(room, 0)[one]
    assert set(found(read(room)).values()) == {"missing"}
    assert all("tagmanifest" in path for path in found(read(room)))


class _Unopenable(WrappedStore):
    """Does not open the chosen file."""

    def __init__(self, sound: Store, suffix: str, error: Exception) -> None:
        super().__init__(sound)
        self.chosen = ending(suffix)
        self.error = error

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        if self.chosen(key):
            raise self.error
        return super().open(key)


@pytest.mark.parametrize(
    "faulty",
    [
        lambda sound: UnreadableStore(sound, ending("cover.tif")),
        lambda sound: _Unopenable(sound, "cover.tif", DeniedError("store first: no right to read it")),
        lambda sound: _Unopenable(sound, "cover.tif", UnavailableError("store first: it gave up")),
        lambda sound: _Unopenable(sound, "cover.tif", IntegrityError("store first: it is a pipe")),
    ],
)
def test_what_cannot_be_read_twice_is_unreadable_and_not_mismatched(
    room: Room, faulty: Callable[[Store], Store]
):
    part = read(room, of=reader(room, faulty(room.stores[0])))
    assert found(part) == {COVER: "unreadable"}
    assert part.damages[0].reason
    assert part.confirmed == len(files_of(room)) - 1


def test_what_can_be_read_the_second_time_over_a_new_connection_is_confirmed(room: Room):
    for faulty in (
        UnreadableStore(room.stores[0], ending("cover.tif")),
        flipping(room.stores[0], ending("cover.tif")),
    ):
        part = read(room, of=reader(room, faulty, room.stores[0]))
        assert (found(part), part.again, part.confirmed) == ({}, 1, len(files_of(room)))


class _Away(WrappedStore):
    """Is away from its ``lives``th reading on: nothing is there, as on the mount point of an absent disk."""

    def __init__(self, sound: Store, lives: int) -> None:
        super().__init__(sound)
        self.lives = lives

    def _lose(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise UnavailableError("store first: it is away; mount its disk")

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        self._lose()
        return super().open(key)

    def check(self) -> None:
        if self.lives < 0:
            raise UnavailableError("store first: it is away; mount its disk")


def test_a_store_that_goes_away_in_the_midst_has_no_damage_it_is_away(room: Room):
    for lives in range(12):
        store = _Away(room.stores[0], lives)
        with pytest.raises(UnavailableError, match="away"):
            parts(room, of=reader(room, store))


def test_where_no_store_has_a_tag_manifest_nothing_is_said_of_the_files(room: Room):
    for number in (0, 1):
        for one in [one for one in shelf(room, number) if "/v1/tagmanifest" in one]:
            del shelf(room, number)[one]
    with pytest.raises(NotFoundError, match=r"first.*second"):
        read(room)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_reading_goes_on_behind_what_was_reached(room: Room, monkeypatch: pytest.MonkeyPatch, size: int):
    monkeypatch.setattr(replica, "_PART", size)
    shelf(room, 0)[key(room, COVER)] = b"other bytes"
    shelf(room, 0)[key(room, "data/zzz")] = b"put there by hand"
    shelf(room, 0)[key(room, "a")] = b"put there by hand"
    all_of_it = parts(room)
    assert [part.reached is None for part in all_of_it] == [False] * (len(all_of_it) - 1) + [True]
    expected = {COVER: "mismatched", "data/zzz": "unexpected", "a": "unexpected"}
    for stop in range(len(all_of_it)):
        before, reached = all_of_it[: stop + 1], all_of_it[stop].reached
        rest = [] if reached is None else parts(room, after=reached)
        both = [*before, *rest]
        assert {path: kind for part in both for path, kind in found(part).items()} == expected
        assert sum(len(part.damages) for part in both) == len(expected)
        assert sum(part.confirmed for part in both) == len(files_of(room)) - 3


def test_of_very_much_damage_only_some_is_named_and_the_rest_counted(
    room: Room, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "_NAMED", 2)
    for one in files_of(room):
        if "/data/" in one:
            shelf(room, 0)[one] = b"other bytes"
    part = read(room)
    assert (len(part.damages), part.unnamed) == (2, len(FIRST) - 2)


@pytest.mark.parametrize("named", [1, 2, 3])
def test_however_many_files_fail_at_first_nothing_is_said_of_any_after_one_look(
    room: Room, monkeypatch: pytest.MonkeyPatch, named: int
):
    monkeypatch.setattr(replica, "_NAMED", named)
    files = files_of(room)
    payload = [one for one in files if "/data/" in one]
    store = UnreadableStore(room.stores[0], lambda one: one in payload)
    part = read(room, 1, reader(room, store, fresh=room.stores[0]))
    assert (part.damages, part.unnamed) == ((), 0)
    assert (part.confirmed, part.again) == (len(files), len(payload))


def test_some_files_are_read_by_their_place_in_the_order_of_the_paths(room: Room):
    recorded = recorded_digests(room.catalogue, room.journal, room.package(1)).digests
    files = sorted(files_of(room), key=path_order)
    shelf(room, 0)[files[2]] = b"other bytes"
    store = WrappedStore(room.stores[0])
    part = reader(room, store).read_some(room.package(1), recorded, [2, len(files) - 1])
    assert [one.path for one in part.damages] == [files[2].removeprefix(f"{room.package(1).prefix}/")]
    assert part.confirmed == 1
    assert not any(one in store.opened for one in files if "/data/" in one and one != files[2])


def test_damage_in_a_folder_store_is_called_the_same(tmp_path: Path):
    folder = folder_store(tmp_path / "folder", StoreName("folder"))
    memory = memory_store(StoreName("other"), SiteName("here"))
    both = Room(tmp_path / "both", stores=(folder, memory))
    both.keep(SECOND, 1)
    assert read(both, 1, reader(both, folder)).damages == ()
    cover = tmp_path / "folder" / key(both, COVER)
    cover.chmod(0o600)
    cover.write_bytes(b"the COVER")
    (cover.parent / "page 1.tif").unlink()
    (cover.parent / "sub.txt").unlink()
    (cover.parent / "sub.txt").symlink_to("cover.tif")
    (cover.parent / "extra").write_bytes(b"put there by hand")
    names = {
        "cover.tif": "mismatched",
        "page 1.tif": "missing",
        "sub.txt": "unreadable",
        "extra": "unexpected",
    }
    assert found(read(both, 1, reader(both, folder))) == {
        f"data/originals/{name}": kind for name, kind in names.items()
    }


def test_lists_in_another_order_are_sorted(room: Room):
    package, content = room.package(2), shelf(room, 0)
    for name in ("manifest-sha256.txt", "fetch.txt"):
        lines = content[key(room, name, 2)].splitlines(keepends=True)
        assert len(lines) > 1
        forge(content, package, name, b"".join(reversed(lines)))
    [part] = list(reader(room).read(package, ()))
    assert (part.damages, part.confirmed) == ((), len(files_of(room, 2)))


def test_a_reading_of_lists_in_another_order_that_was_stopped_goes_on_with_what_is_left(
    room: Room, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "_PART", 1)
    package, content = room.package(1), shelf(room, 0)
    manifest = content[key(room, "manifest-sha256.txt", 1)].splitlines(keepends=True)
    # The first two are in order, so that a part of them may be read before it shows that others are not.
    forge(content, package, "manifest-sha256.txt", b"".join([*manifest[1:], manifest[0]]))
    damaged = min((one for one in files_of(room) if "/data/" in one), key=path_order)
    content[damaged] = b"other bytes"
    reading = reader(room)
    parts = [next(reading.read(package, ()))]
    while parts[-1].reached is not None:
        parts.append(next(reading.read(package, (), parts[-1].reached)))
    assert sum(part.confirmed for part in parts) == len(files_of(room)) - 1
    assert [one.path for part in parts for one in part.damages] == [
        damaged.removeprefix(f"{package.prefix}/")
    ]
