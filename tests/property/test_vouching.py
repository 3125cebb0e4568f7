"""Package, catalogue and journal vouch for each other: whatever is forged in stores is not handed out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from ordeals.forging import FIRST, FORGERIES, Forgery, Genuine, catalogued, require_not_relied_on, shelf
from support.forgeries import forge
from support.versions import NOW, Room

from preservation.errors import IntegrityError
from preservation.model.events import Agent, AgentKind
from preservation.model.paths import StoreKey
from storage.presence import presence
from storage.restore.source import find_source
from storage.tag_digests import RecordedDigests, found_digests, recorded_digests, recorded_later

SOFTWARE = Agent(AgentKind.SOFTWARE, "Muniment")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Genuine:
    return Genuine(tmp_path_factory.mktemp("genuine"))


@settings(deadline=None, max_examples=40)
@given(FORGERIES)
def test_what_is_forged_in_a_replica_is_never_handed_out_nor_taken_for_kept_nor_built_upon(
    kept: Genuine, forgery: Forgery
):
    require_not_relied_on(kept, forgery)


@pytest.mark.parametrize("stores", [(0,), (1,)])
def test_replicas_that_differ_are_not_handed_out_where_nothing_is_recorded_unless_one_is_chosen(
    tmp_path: Path, stores: tuple[int, ...]
):
    room = Room(tmp_path / "room", records=False)
    room.keep(FIRST, 1)
    package = room.package(1)
    assert recorded_digests(room.catalogue, room.journal, package) == RecordedDigests()
    for store in stores:
        forge(shelf(room, store), package, "metadata/premis.xml", b"<premis/>")
    with pytest.raises(IntegrityError, match="--from"):
        find_source(package, room.stores, catalogued(room, package))
    chosen = find_source(package, room.stores, catalogued(room, package), first_counts=True)
    assert [issue.code for issue in chosen.issues] == ["RST-005"]
    seen = presence(room.catalogue, room.journal, package, room.stores, most_bytes=1 << 30, threads=1)
    assert (seen.sound, len(seen.doubts)) == ((), 1)


def test_a_tag_manifest_that_was_put_in_beside_the_recorded_ones_is_no_part_of_the_version(kept: Genuine):
    with kept.to_be_forged() as room:
        package = room.package(1)
        forged = shelf(room, 0)
        forged[StoreKey(f"{package.prefix}/metadata/more.xml")] = b"<more/>"
        more = hashlib.sha512(b"<more/>").hexdigest().encode()
        forged[StoreKey(f"{package.prefix}/tagmanifest-sha512.txt")] = more + b"  metadata/more.xml\n"
        recorded = recorded_digests(room.catalogue, room.journal, package)
        description = find_source(package, room.stores, None, recorded.digests).description
        assert "metadata/more.xml" not in description.tags
        assert "tagmanifest-sha512.txt" not in description.tags
        seen = presence(room.catalogue, room.journal, package, room.stores, most_bytes=1 << 30, threads=1)
        assert "which lies among its files" in seen.faults[room.stores[0].name]


def test_a_second_entry_of_the_journal_does_not_replace_the_first(kept: Genuine):
    with kept.to_be_forged() as room:
        package = room.package(1)
        forge(shelf(room, 0), package, "metadata/premis.xml", b"<premis/>")
        registered = room.catalogue.package(package)
        found = found_digests(room.stores[0], package)
        room.journal.append([recorded_later(registered, found, [room.stores[0].name], NOW, SOFTWARE)])
        recorded = recorded_digests(room.catalogue, room.journal, package)
        assert recorded.digests == registered.tag_digests
        assert "and then" in recorded.doubts[0]
