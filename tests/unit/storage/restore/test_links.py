"""No link that another account puts into the target, or beside it, leads a restore elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.versions import Room

from preservation.errors import AlreadyExistsError, StorageError
from storage.restore.restore import restore
from storage.restore.source import find_source, wanted_files
from storage.restore.target import Target, look_into, opened_target

DEEP = "a/b/c/d/page.tif"
KEPT = {DEEP: b"page", "cover.tif": b"cover"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path / "room")
    room.keep(KEPT, 1)
    return room


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    return elsewhere


class Restoring:
    """A restore in its two halves, so that something can happen between them."""

    def __init__(self, room: Room) -> None:
        self._package = room.package(1)
        self._source = find_source(self._package, tuple(room.stores), None)
        self._wanted = wanted_files(self._source.description, (), whole=False)

    def look(self, target: Path) -> None:
        look_into(target, self._wanted)

    def go_on(self, landing: Target) -> None:
        restore(self._package, self._wanted, self._source.stores, landing, threads=1)


@given(depth=st.integers(1, 4), dangling=st.booleans(), late=st.booleans())
@settings(max_examples=16, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_link_at_any_segment_is_refused_whenever_it_comes(
    tmp_path_factory: pytest.TempPathFactory, room: Room, depth: int, *, dangling: bool, late: bool
):
    folder = tmp_path_factory.mktemp("links")
    target, elsewhere = folder / "target", folder / "elsewhere"
    *above, name = DEEP.split("/")[:depth]
    target.joinpath(*above).mkdir(parents=True)
    if not dangling:
        elsewhere.joinpath(*DEEP.split("/")[depth:-1]).mkdir(parents=True)
    link = target.joinpath(*above, name)
    restoring = Restoring(room)
    with opened_target(target) as landing:
        if late:
            restoring.look(target)
        link.symlink_to(elsewhere)
        with pytest.raises(AlreadyExistsError, match="is there already"):
            restoring.go_on(landing) if late else restoring.look(target)
    assert link.is_symlink()
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == []


def test_a_link_in_the_place_of_a_file_is_in_the_way(room: Room, tmp_path: Path, elsewhere: Path):
    (tmp_path / "target").mkdir()
    (elsewhere / "cover.tif").write_bytes(b"cover")
    (tmp_path / "target/cover.tif").symlink_to(elsewhere / "cover.tif")
    with pytest.raises(AlreadyExistsError, match=r"cover\.tif"):
        Restoring(room).look(tmp_path / "target")


def test_a_target_that_is_exchanged_for_a_link_meanwhile_gets_nothing(
    room: Room, tmp_path: Path, elsewhere: Path
):
    target = tmp_path / "target"
    target.mkdir()
    with opened_target(target) as landing:
        target.rename(tmp_path / "moved")
        target.symlink_to(elsewhere)
        Restoring(room).go_on(landing)
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "moved" / DEEP).read_bytes() == b"page"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_in_the_place_of_the_folder_out_of_the_way_gets_nothing(
    room: Room, tmp_path: Path, elsewhere: Path, *, is_there: bool
):
    target = tmp_path / "target"
    if is_there:
        target.mkdir()
    with opened_target(target) as landing:
        staging = landing.folder.parent
        staging.rename(tmp_path / "moved")
        staging.symlink_to(elsewhere)
        Restoring(room).go_on(landing)
    assert list(elsewhere.iterdir()) == []
    assert (target / DEEP).read_bytes() == b"page"


def test_a_target_that_is_a_link_is_refused(room: Room, tmp_path: Path, elsewhere: Path):
    (tmp_path / "target").symlink_to(elsewhere)
    with pytest.raises(StorageError), opened_target(tmp_path / "target") as landing:
        Restoring(room).go_on(landing)
    assert list(elsewhere.iterdir()) == []


def test_nobody_else_can_enter_the_folder_out_of_the_way(tmp_path: Path):
    with opened_target(tmp_path / "target") as landing:
        assert landing.folder.parent.stat().st_mode & 0o077 == 0
