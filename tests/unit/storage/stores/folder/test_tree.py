"""How a folder store reaches and makes folders: whole ones in one move, and no link on any way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.store_peers import folder_store

from preservation.errors import AlreadyExistsError, DeniedError, NotFoundError
from preservation.files import beneath
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.folder import move
from storage.stores.folder.store import FolderStore

FOLDER = "maps/a/v1/data/originals"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return folder_store(root)


def deposits(tmp_path: Path, names: range, folder: str = FOLDER) -> list[Deposit]:
    made = []
    for number in names:
        source = tmp_path / f"source-{number}"
        source.write_bytes(b"%d" % number)
        made.append(Deposit(StoreKey(f"{folder}/{number}"), source, source.stat().st_size))
    return made


@pytest.fixture
def moved_singly(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    moved: list[str] = []
    rename = move.rename_without_replacing

    def noted(source_folder: int, source: str, target_folder: int, target: str) -> None:
        rename(source_folder, source, target_folder, target)
        moved.append(target)

    monkeypatch.setattr(move, "rename_without_replacing", noted)
    return moved


def test_a_folder_that_is_new_gets_its_name_in_one_move_with_all_its_files(
    store: FolderStore, root: Path, tmp_path: Path, moved_singly: list[str]
):
    store.create(deposits(tmp_path, range(300)))
    assert moved_singly == ["originals"]
    assert len(list((root / FOLDER).iterdir())) == 300
    assert (root / FOLDER).stat().st_mode & 0o777 == 0o750


def test_files_join_those_of_a_folder_that_is_there(
    store: FolderStore, root: Path, tmp_path: Path, moved_singly: list[str]
):
    store.create(deposits(tmp_path, range(3)))
    moved_singly.clear()
    store.create(deposits(tmp_path, range(3, 6)))
    assert moved_singly == ["3", "4", "5"]
    assert sorted(path.name for path in (root / FOLDER).iterdir()) == list("012345")
    with pytest.raises(AlreadyExistsError, match="a store only creates"):
        store.create(deposits(tmp_path, range(5, 7)))
    assert (root / FOLDER / "5").read_bytes() == b"5"


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOSYS, errno.EXDEV])
def test_files_get_their_names_singly_where_folders_cannot_be_moved(
    store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
):
    rename = move.rename_without_replacing

    def files_only(source_folder: int, source: str, target_folder: int, target: str) -> None:
        if target == "originals":
            raise OSError(refusal, os.strerror(refusal))
        rename(source_folder, source, target_folder, target)

    monkeypatch.setattr(move, "rename_without_replacing", files_only)
    store.create(deposits(tmp_path, range(5)))
    assert sorted(path.name for path in (root / FOLDER).iterdir()) == list("01234")


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.EPERM])
def test_files_are_reached_folder_by_folder_where_the_system_has_no_better_call(
    store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
):
    def refusing(*_: object) -> int:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(beneath, "openat2", refusing)
    store.create(deposits(tmp_path, range(1)))
    with store.open(StoreKey(f"{FOLDER}/0")) as stream:
        assert stream.readinto(bytearray(10)) == 1
    (root / "maps" / "b").symlink_to(root / "maps" / "a")
    with pytest.raises(DeniedError, match="follows no links"):
        store.open(StoreKey(f"{FOLDER}/0".replace("/a/", "/b/")))


def test_a_link_among_the_folders_is_not_followed_in_reading(store: FolderStore, root: Path, tmp_path: Path):
    store.create(deposits(tmp_path, range(1)))
    (root / "maps" / "b").symlink_to(root / "maps" / "a")
    with pytest.raises(DeniedError, match="follows no links"):
        store.open(StoreKey(f"{FOLDER}/0".replace("/a/", "/b/")))
    with pytest.raises(NotFoundError):
        store.open(StoreKey(f"{FOLDER}/1"))
