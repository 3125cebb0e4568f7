"""A restore that is killed at any instant: the same command goes on, and what else is in the target stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
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


def kept_in(folder: Path) -> Room:
    room = Room(folder / "room")
    room.keep(KEPT, 1)
    return room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return kept_in(tmp_path)


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


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Room, list[Path]]:
    """Targets that were there when a restore began, killed before each change; the last was not."""
    place = tmp_path_factory.mktemp("killed")
    room = kept_in(place)
    targets: list[Path] = []
    for number in count():
        targets.append(filled(place / f"{number}" / "target", MINE))
        if not killed_before(number, room, targets[-1]):
            return room, targets
    raise AssertionError


@pytest.fixture
def killed(killed_once: tuple[Room, list[Path]], tmp_path: Path) -> Iterator[Path]:
    """Copies of these targets, each in a folder of its own, in order."""
    return (shutil.copytree(target, tmp_path / target.parent.name / "target") for target in killed_once[1])


def test_killed_before_any_change_the_same_restore_goes_on(
    killed_once: tuple[Room, list[Path]], killed: Iterator[Path]
):
    for target in killed:
        require_whole(killed_once[0], target, MINE)
    assert len(killed_once[1]) > len(KEPT)


def test_killed_before_any_change_the_same_restore_to_a_new_target_goes_on(room: Room, tmp_path: Path):
    for number in count():
        target = tmp_path / f"{number}" / "target"
        target.parent.mkdir()
        is_killed = killed_before(number, room, target)
        require_whole(room, target, {})
        if not is_killed:
            break
    assert number > len(KEPT)


def require_whole(room: Room, target: Path, mine: dict[str, bytes]) -> None:
    """Restore, and see that all is there and nothing else."""
    place = target.parent
    restored(room, target)
    assert content_of(target) == {**KEPT, **mine}, place
    assert list(place.rglob(".restoring-*")) == [], place
    assert [path.name for path in place.iterdir()] == ["target"], place


def test_any_restore_to_the_place_finishes_the_move_that_a_kill_cut_short(
    killed_once: tuple[Room, list[Path]], killed: Iterator[Path]
):
    finished = 0
    for target in killed:
        visible = content_of(target).keys() & KEPT.keys()
        restored(killed_once[0], target, ("empty",))
        # Nothing had come into the target, and nothing is there now but what was asked for; or all of it.
        wanted = KEPT if visible else {"empty": b""}
        assert content_of(target).items() >= {**wanted, **MINE}.items(), target
        assert list(target.rglob(".restoring-*")) == []
        finished += 0 < len(visible) < len(KEPT)
    assert finished >= 2


def test_what_came_in_the_way_after_the_kill_is_not_replaced(
    killed_once: tuple[Room, list[Path]], killed: Iterator[Path]
):
    room = killed_once[0]
    target, missing = next(
        (target, missing)
        for target in killed
        if len(missing := KEPT.keys() - content_of(target).keys()) in range(1, len(KEPT))
    )
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
