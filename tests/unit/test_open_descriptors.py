"""No descriptor stays open where a call fails between opening a file and the one that closes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.store_peers import folder_store

from preservation.errors import AlreadyExistsError, StorageError
from preservation.files.beneath import open_plain_file
from preservation.files.tree import copy_tree, empty_folder, make_folder, opened_below
from preservation.identification.links import reserve_slot
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath, RelativePath, StoreKey
from storage.restore.outcomes import WantedFile
from storage.restore.target import look_into, opened_target
from storage.stores.folder.tree import opened_folder

Act = Callable[[Path], object]


def open_files() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208  the listing itself is one of them


@contextmanager
def opened_top(path: Path) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def read_from_a_store(path: Path) -> None:
    folder_store(path / "store", StoreName("first")).open(StoreKey("maps/sheet/v1/x"))


def look_up_in_a_store(path: Path) -> None:
    folder_store(path / "store", StoreName("first")).stat(StoreKey("maps/sheet/v1/x"))


def begin_a_restore(path: Path) -> None:
    with opened_target(path / "restored"):
        pass


def empty_a_tree(path: Path) -> None:
    with opened_top(path) as folder:
        empty_folder(folder)


def make_folders_below(path: Path) -> None:
    with opened_top(path) as folder, opened_below(folder, ("new", "deeper"), make=make_folder):
        pass


def make_a_folder_of_a_store(path: Path) -> None:
    with opened_top(path) as folder, opened_folder(folder, ("new",), make=0o750):
        pass


def copy_a_tree(path: Path) -> None:
    copy_tree(path / "store", path / "copied")


def open_a_file(path: Path) -> None:
    os.close(open_plain_file(path / "store" / "maps" / "sheet" / "v1" / "x"))


def take_a_slot(_: Path) -> None:
    reserve_slot(900)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a store that has one file."""
    folder_store(tmp_path / "store", StoreName("first"))
    (tmp_path / "store" / "maps" / "sheet" / "v1").mkdir(parents=True)
    (tmp_path / "store" / "maps" / "sheet" / "v1" / "x").write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (read_from_a_store, "fstat"),
        (read_from_a_store, "posix_fadvise"),
        (look_up_in_a_store, "fstat"),
        (begin_a_restore, "fstat"),
        (begin_a_restore, "stat"),
        (empty_a_tree, "fstat"),
        (make_folders_below, "fstat"),
        (make_a_folder_of_a_store, "fchmod"),
        (copy_a_tree, "dup"),
        (copy_a_tree, "fdopen"),
        (open_a_file, "fstat"),
        (take_a_slot, "dup2"),
    ],
)
def test_a_call_that_fails_leaves_nothing_open(
    place: Path, monkeypatch: pytest.MonkeyPatch, act: Act, call: str
):
    failed = 0
    sound = getattr(os, call)

    def fails(*given: object, **named: object) -> object:
        nonlocal failed
        if call == "stat" and "dir_fd" not in named:
            return sound(*given, **named)
        failed += 1
        raise OSError(5, "Input/output error")

    before = open_files()
    with ExitStack() as ended:
        monkeypatch.setattr(os, call, fails)
        ended.callback(monkeypatch.undo)
        with pytest.raises((OSError, StorageError)):
            act(place)
    assert failed, f"{call} is not called any more"
    assert open_files() == before


def test_a_folder_where_a_file_is_to_be_is_reported_and_not_left_open(tmp_path: Path):
    (tmp_path / "page.txt").mkdir()
    digests = {Algorithm.SHA256: HexDigest("0" * 64)}
    wanted = WantedFile(BagPath("data/originals/page.txt"), RelativePath("page.txt"), StoreKey("x"), digests)
    before = open_files()
    with pytest.raises(AlreadyExistsError, match=r"page\.txt is there already"):
        look_into(tmp_path, [wanted])
    assert open_files() == before
