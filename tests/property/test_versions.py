"""Whatever comes and goes between versions: each can be restored whole, and nothing is written twice."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.versions import Room

from preservation.model.identifiers import CollectionName, ObjectId, PackageId, VersionNumber, object_name
from preservation.model.locators import Locator, parse_locator
from preservation.model.paths import BagPath
from storage.restore.restore import restore
from storage.restore.source import find_source, wanted_files
from storage.restore.target import opened_target

SEGMENT = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=("Cs",)),
    min_size=1,
    max_size=12,
).filter(lambda text: text not in {".", ".."})
NAMES = st.sampled_from(["a", "b%25", "c d", "e\nf", "ü", "u\u0308", "名", "%", "g\r", " h ", "x&y#?z"])
CONTENTS = st.sampled_from([b"", b"1", b"22", b"333", b"4444"])
PAYLOADS = st.dictionaries(NAMES, CONTENTS, min_size=1, max_size=6)


@given(SEGMENT, st.integers(1, 10**6), st.lists(SEGMENT, min_size=1, max_size=4))
def test_a_locator_comes_back_from_its_url(name: str, number: int, segments: list[str]):
    try:
        owner = ObjectId(CollectionName("maps"), object_name(name))
    except ValueError:
        return
    locator = Locator(PackageId(owner, VersionNumber(number)), BagPath("/".join(segments)))
    assert locator.url.isascii()
    assert not any(character.isspace() for character in locator.url)
    assert parse_locator(locator.url) == locator


@settings(max_examples=25)
@given(st.lists(PAYLOADS, min_size=2, max_size=4))
def test_every_version_comes_back_as_it_was_dropped_and_no_bytes_are_written_twice(
    payloads: list[dict[str, bytes]],
):
    folder = Path(tempfile.mkdtemp())
    try:
        room = Room(folder / "room")
        for number, payload in enumerate(payloads, 1):
            room.keep(payload, number)
        earlier = set(payloads[0].values())
        for number, payload in enumerate(payloads[1:], 2):
            fresh = [payload[path] for path in room.written(number) if payload[path] not in earlier]
            # Of what was kept before, at most one content: the smallest, where there is nothing else.
            again = {payload[path] for path in room.written(number)} - set(fresh)
            assert len(again) <= (0 if fresh else 1)
            earlier |= set(payload.values())
        for number, payload in enumerate(payloads, 1):
            source = find_source(room.package(number), tuple(room.stores), None)
            target = folder / f"restored-{number}"
            with opened_target(target) as landing:
                wanted = wanted_files(source.description, (), whole=False)
                restored = restore(room.package(number), wanted, source.stores, landing, threads=1)
            assert restored.lost == []
            found = {
                str(path.relative_to(target)): path.read_bytes()
                for path in target.rglob("*")
                if path.is_file()
            }
            assert found == payload
    finally:
        shutil.rmtree(folder)
