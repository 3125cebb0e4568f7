"""A restore that is killed at any instant: the same command goes on, and what else is in the target stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from support.forks import forked
from support.versions import Room

from preservation.errors import AlreadyExistsError
from storage.restore.restore import restore
from storage.restore.source import find_source, wanted_files
from storage.restore.target import look_into, opened_target
from storage.stores.folder import move

_P = ParamSpec("_P")
_R = TypeVar("_R")

KEPT = {
    "cover.tif": b"the cover",
    "sub/one.tif": b"one",
    "sub/below/two.tif": b"two",
    "other/three.tif": b"three",
    "empty": b"",
}
MINE = {"notes.txt": b"mine", "sub/below/notes.txt": b"mine too"}
KILLED = 9
CHANGES = ("fsync", "mkdir", "open", "rename", "rmdir", "unlink")
"""The calls of ``os`` before each of which the process is killed, and the rename that replaces nothing."""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path / "room")
    room.keep(KEPT, 1)
    return room


def restored(room: Room, target: Path, named: tuple[str, ...] = ()) -> None:
    source = find_source(room.package(1), tuple(room.stores), None)
    wanted = wanted_files(source.description, named, whole=False)
    with opened_target(target) as landing:
        missing = look_into(target, wanted).missing
        restore(room.package(1), missing, source.stores, landing, threads=1)


def filled(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_before(number: int, room: Room, target: Path) -> bool:
    """Restore in a process that is killed before its change of that number; return whether it came so far."""

    def work() -> None:
        changes = count()

        def dying(act: Callable[_P, _R]) -> Callable[_P, _R]:
            def changed(*arguments: _P.args, **named: _P.kwargs) -> _R:
                if next(changes) == number:
                    os._exit(KILLED)
                return act(*arguments, **named)

            return changed

        for name in CHANGES:
            setattr(os, name, dying(getattr(os, name)))
        move.rename_without_replacing = dying(move.rename_without_replacing)
        restored(room, target)

    process = forked(work)
    process.start()
    process.join()
    assert process.exitcode in {0, KILLED}
    return process.exitcode == KILLED


@pytest.mark.parametrize("is_there", [True, False], ids=["a target that is there", "a new target"])
def test_killed_before_any_change_the_same_restore_goes_on(room: Room, tmp_path: Path, *, is_there: bool):
    mine = MINE if is_there else {}
    for number in count():
        place = tmp_path / f"{number}"
        place.mkdir()
        target = filled(place / "target", mine)
        killed = killed_before(number, room, target)
        restored(room, target)
        assert content_of(target) == {**KEPT, **mine}, number
        assert list(place.rglob(".restoring-*")) == [], number
        assert [path.name for path in place.iterdir()] == ["target"], number
        if not killed:
            break
    assert number > len(KEPT)


def test_any_restore_to_the_place_finishes_the_move_that_a_kill_cut_short(room: Room, tmp_path: Path):
    finished = 0
    for number in count():
        target = filled(tmp_path / f"{number}", MINE)
        killed = killed_before(number, room, target)
        visible = content_of(target).keys() & KEPT.keys()
        restored(room, target, ("empty",))
        # Nothing had come into the target, and nothing is there now but what was asked for; or all of it.
        wanted = KEPT if visible else {"empty": b""}
        assert content_of(target).items() >= {**wanted, **MINE}.items(), number
        assert list(target.rglob(".restoring-*")) == []
        finished += 0 < len(visible) < len(KEPT)
        if not killed:
            break
    assert finished >= 2


def test_what_came_in_the_way_after_the_kill_is_not_replaced(room: Room, tmp_path: Path):
    for number in count():
        target = filled(tmp_path / f"{number}", MINE)
        assert killed_before(number, room, target)
        missing = KEPT.keys() - content_of(target).keys()
        if len(missing) in range(1, len(KEPT)):
            break
    name = min(missing)
    filled(target, {name: b"mine as well"})
    with pytest.raises(AlreadyExistsError, match=name):
        restored(room, target)
    assert content_of(target) == {**KEPT, **MINE, name: b"mine as well"}
    (target / name).unlink()
    restored(room, target)
    assert content_of(target) == {**KEPT, **MINE}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")
def test_what_another_account_made_to_look_like_a_leftover_is_left_alone(room: Room, tmp_path: Path):
    target = filled(tmp_path / "target", MINE)
    planted = target / f".restoring-{'a' * 32}"
    filled(planted, {"muniment-restored-all": b"", "files/planted.txt": b"planted"})
    os.chown(planted, 65534, 65534)
    restored(room, target)
    assert not (target / "planted.txt").exists()
    assert (planted / "files/planted.txt").exists()
