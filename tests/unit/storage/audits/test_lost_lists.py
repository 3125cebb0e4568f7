"""Where no store has the lists of a version, what is damaged among its tag files is known by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from ordeals.forging import shelf
from support.versions import NOW, Room

from preservation.model.damage import DamageKind
from preservation.model.tag_digests import TagDigest
from storage.audits.lost_lists import read_tag_files
from storage.audits.replica import PartRead, ReplicaReader
from storage.tag_digests import recorded_digests

COMMIT = "tagmanifest-sha256.txt"
MANIFEST = "manifest-sha256.txt"
PREMIS = "premis.xml"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.keep({"page 1.txt": b"page one"}, 1)
    return room


def recorded(room: Room) -> tuple[TagDigest, ...]:
    return recorded_digests(room.catalogue, room.journal, room.package(1)).digests


def damage(room: Room, number: int, path: str, content: bytes | None = b"no list") -> None:
    key = next(one for one in shelf(room, number) if one.endswith(f"/v1/{path}"))
    if content is None:
        del shelf(room, number)[key]
    else:
        shelf(room, number)[key] = content


def read(room: Room, digests: tuple[TagDigest, ...]) -> PartRead:
    first, second = room.stores
    reader = ReplicaReader(first, [second], lambda: first, room.root, 1, lambda: NOW, pause=0.0)
    return read_tag_files(reader, room.package(1), digests, "all is lost")


def found(part: PartRead) -> dict[str, DamageKind]:
    return {one.path: one.kind for one in part.damages}


def tag_file(room: Room) -> str:
    """A tag file that is no list."""
    names = (one.partition("/v1/")[2] for one in shelf(room, 0) if "/data/" not in one)
    return next(one for one in names if one not in {COMMIT, MANIFEST, "fetch.txt"})


def test_by_a_tag_manifest_that_another_store_has_every_tag_file_is_compared(room: Room):
    other = tag_file(room)
    damage(room, 0, COMMIT)
    damage(room, 0, MANIFEST, None)
    damage(room, 0, other)
    damage(room, 1, MANIFEST)
    assert found(read(room, recorded(room))) == {
        COMMIT: DamageKind.MISMATCHED,
        MANIFEST: DamageKind.MISSING,
        other: DamageKind.MISMATCHED,
    }


def test_where_no_tag_manifest_is_left_the_record_says_what_it_was(room: Room):
    for number in (0, 1):
        damage(room, number, COMMIT)
    [one] = read(room, recorded(room)).damages
    assert (one.path, one.kind, one.promised) == (
        COMMIT,
        DamageKind.MISMATCHED,
        recorded(room)[0].digests,
    )


@pytest.mark.parametrize(
    ("content", "kind"), [(b"no list", DamageKind.UNREADABLE), (None, DamageKind.MISSING)]
)
def test_where_nothing_was_recorded_either_it_is_damage_with_the_reason(
    room: Room, content: bytes | None, kind: DamageKind
):
    for number in (0, 1):
        damage(room, number, COMMIT, content)
    [one] = read(room, ()).damages
    assert (one.path, one.kind) == (COMMIT, kind)
    assert ("all is lost" in one.reason) is (content is not None)


def test_what_is_as_it_was_kept_is_no_damage(room: Room):
    damage(room, 1, MANIFEST)
    assert found(read(room, recorded(room))) == {}
