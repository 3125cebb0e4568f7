"""Folders of any depth are made and removed: without recursion, and without a link being followed."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile_trees import Deep

from preservation.files.tree import copy_tree, empty_folder, make_folders, remove_tree

DEPTHS = [1_000, 5_000]
"""More levels than Python recurses, and more than one path can name."""


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_folder_of_any_depth_is_removed(tmp_path: Path, deep: Deep, depth: int):
    deep(tmp_path / "deep", depth)
    remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_removing_keeps_one_folder_open_at_a_time(
    tmp_path: Path, deep: Deep, monkeypatch: pytest.MonkeyPatch
):
    deep(tmp_path / "deep", 200)
    scandir = os.scandir
    before = most = len(list(Path("/proc/self/fd").iterdir()))

    def counting(folder: int) -> object:
        nonlocal most
        most = max(most, len(list(Path("/proc/self/fd").iterdir())))
        return scandir(folder)

    monkeypatch.setattr("preservation.files.tree.os.scandir", counting)
    remove_tree(tmp_path / "deep")
    # Other threads of this process open files too, but not one for each of 200 levels.
    assert most <= before + 20


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("kept")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop/link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "drop")
    remove_tree(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept/file").read_text() == "kept"


def test_a_folder_that_was_exchanged_for_a_link_meanwhile_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("kept")
    (tmp_path / "drop/folder").mkdir(parents=True)
    unfaked = os.open

    def exchanging(path: str | Path, flags: int, *arguments: int, **named: int) -> int:
        if path == "folder":
            (tmp_path / "drop/folder").rename(tmp_path / "drop/before")
            (tmp_path / "drop/folder").symlink_to(tmp_path / "kept")
        return unfaked(path, flags, *arguments, **named)

    monkeypatch.setattr("preservation.files.tree.os.open", exchanging)
    with pytest.raises(OSError, match="folder"):
        remove_tree(tmp_path / "drop")
    assert (tmp_path / "kept/file").read_text() == "kept"


def test_what_cannot_be_removed_is_reported_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in "abc":
        (tmp_path / "drop" / name).mkdir(parents=True)
        (tmp_path / "drop" / name / "file").touch()
    unlink = os.unlink

    def refusing(name: str, *, dir_fd: int) -> None:
        if Path(f"/proc/self/fd/{dir_fd}").readlink().name == "b":
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr("preservation.files.tree.os.unlink", refusing)
    with pytest.raises(PermissionError):
        remove_tree(tmp_path / "drop")
    assert sorted(path.name for path in (tmp_path / "drop").rglob("*")) == ["b", "file"]


def test_an_open_folder_is_emptied_whatever_has_its_name_now(tmp_path: Path):
    (tmp_path / "mine/sub").mkdir(parents=True)
    folder = os.open(tmp_path / "mine", os.O_RDONLY)
    (tmp_path / "mine").rename(tmp_path / "moved")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    empty_folder(folder)
    os.close(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine", "moved"]


@pytest.mark.usefixtures("deep")
def test_folders_are_made_at_any_depth_that_one_path_can_name(tmp_path: Path):
    deep = tmp_path.joinpath(*["d"] * 1_800)
    make_folders(deep)
    make_folders(deep)
    assert deep.is_dir()


def test_a_folder_is_copied_whose_paths_are_longer_than_one_call_takes(tmp_path: Path, deep: Deep):
    deep(tmp_path / "deep", 2_100)
    (tmp_path / "deep/d/beside").write_text("beside")
    copy_tree(tmp_path / "deep", tmp_path / "copy")
    assert (tmp_path / "copy/d/beside").read_text() == "beside"
    listing = ["find", ".", "-printf", r"%d %f %y\n"]
    listed = (subprocess.check_output(listing, cwd=tmp_path / name) for name in ("deep", "copy"))
    trees = {frozenset(lines.splitlines()) for lines in listed}
    assert len(trees) == 1


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
PATHS = st.lists(
    st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=6), max_size=12
)


@given(paths=PATHS)
def test_any_tree_is_removed_whole(tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]):
    root = tmp_path_factory.mktemp("tree")
    drop = root / "drop"
    drop.mkdir()
    (root / "beside").touch()
    for path in paths:
        # One of the paths may be another one's folder.
        with suppress(OSError):
            drop.joinpath(*path[:-1]).mkdir(parents=True, exist_ok=True)
            drop.joinpath(*path).touch()
            drop.joinpath(*path[:-1], "to").symlink_to(root)
    remove_tree(drop)
    assert [path.name for path in root.iterdir()] == ["beside"]
