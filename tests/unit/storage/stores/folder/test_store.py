"""What is true of the folder store alone: its place on a disk, its folders, its processes."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.identities import made
from support.plans import SHEET
from support.store_peers import NAME, folder_store

from preservation.errors import (
    AlreadyExistsError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    SourceChangedError,
    StorageError,
    UnavailableError,
)
from preservation.model.identifiers import PackageId
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.folder import copy, linux, move
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.modes import Readers
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.store import FolderStore

KEY = StoreKey("maps/a/v1/data/x")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return folder_store(root)


@pytest.fixture
def deposit(tmp_path: Path) -> Deposit:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    return Deposit(KEY, source, 7)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("readers", Readers)
def test_what_is_kept_is_read_by_its_readers_alone_whatever_the_umask_and_the_source(
    root: Path, store: FolderStore, deposit: Deposit, readers: Readers, umask: int
):
    new = root.with_name("new")
    Path(deposit.source).chmod(0o604)
    before = os.umask(umask)
    try:
        identity = made(FolderMaker(store.name, new, readers))
        FolderStore(store.name, new, store.place, identity, readers=readers).create([deposit])
    finally:
        os.umask(before)
    files, folders = readers.modes
    assert stat.S_IMODE((new / KEY).stat().st_mode) == files
    for folder in ("", "maps", "maps/a", "maps/a/v1", "maps/a/v1/data"):
        assert stat.S_IMODE((new / folder).stat().st_mode) == folders


def test_without_a_setting_other_accounts_cannot_read_what_is_kept(
    root: Path, store: FolderStore, deposit: Deposit
):
    store.create([deposit])
    for path in (root, *root.rglob("*")):
        assert path.stat().st_mode & stat.S_IRWXO == 0


def test_what_was_kept_with_other_modes_is_still_read(root: Path, store: FolderStore, deposit: Deposit):
    store.create([deposit])
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    with store.open(KEY) as stream:
        assert stream.readinto(bytearray(deposit.size)) == deposit.size


def test_nothing_is_left_in_the_incoming_area(store: FolderStore, root: Path, deposit: Deposit):
    store.create([deposit])
    store.probe()
    with pytest.raises(AlreadyExistsError):
        store.create([deposit])
    assert list((root / ".incoming").iterdir()) == []


def test_a_disk_that_is_not_mounted_is_not_taken_for_an_empty_store(
    store: FolderStore, root: Path, deposit: Deposit
):
    purger = FolderPurger(NAME, root, FolderMaker(NAME, root).identity(), COMMITS)
    (root / ".incoming").rmdir()
    for act in (
        lambda: store.create([deposit]),
        lambda: store.open(KEY),
        lambda: store.stat(KEY),
        lambda: list(store.list()),
        store.probe,
        lambda: purger.discard_uncommitted(SHEET),
    ):
        with pytest.raises(UnavailableError, match="mount its disk"):
            act()
    shutil.rmtree(root)
    with pytest.raises(UnavailableError, match="there is no folder"):
        store.create([deposit])


def test_reading_comes_from_the_disk_and_not_from_the_page_cache(
    store: FolderStore, root: Path, tmp_path: Path
):
    fincore = shutil.which("fincore")
    if fincore is None:
        pytest.skip("fincore (util-linux) is not installed")
    kind = subprocess.run(["stat", "--file-system", "--format=%T", root], capture_output=True, check=True)
    if kind.stdout.strip() not in {b"ext2/ext3", b"xfs", b"btrfs"}:
        pytest.skip(f"{kind.stdout.decode().strip()} keeps its files in memory, or may")

    def cached_bytes() -> int:
        shown = subprocess.run(
            [fincore, "--bytes", "--noheadings", "--output", "RES", root / KEY],
            capture_output=True,
            check=True,
        )
        return int(shown.stdout)

    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 << 20))
    store.create([Deposit(KEY, source, 3 << 20)])
    (root / KEY).read_bytes()
    assert cached_bytes() == 3 << 20
    with store.open(KEY):
        assert cached_bytes() == 0


def test_a_path_longer_than_the_system_takes_at_once_is_kept(store: FolderStore, deposit: Deposit):
    deep = StoreKey("maps/a/v1/" + "/".join(["x" * 100] * 200))
    store.create([Deposit(deep, deposit.source, deposit.size)])
    assert [kept.key for kept in store.list(StoreKey("maps/a/v1"))] == [deep]
    with store.open(deep) as stream:
        assert stream.readinto(bytearray(10)) == 7


def test_a_name_that_is_too_long_for_the_disk_is_denied_and_named(store: FolderStore, deposit: Deposit):
    with pytest.raises(DeniedError, match="File name too long"):
        store.create([Deposit(StoreKey(f"maps/a/v1/{'x' * 256}"), deposit.source, deposit.size)])


def test_a_link_among_the_folders_cannot_lead_out_of_the_store(
    store: FolderStore, root: Path, tmp_path: Path, deposit: Deposit
):
    outside = tmp_path / "outside"
    (outside / "data").mkdir(parents=True)
    (outside / "data" / "x").write_bytes(b"secret")
    (root / "maps" / "a").mkdir(parents=True)
    (root / "maps" / "a" / "v1").symlink_to(outside)
    for act in (
        lambda: store.create([Deposit(StoreKey("maps/a/v1/y"), deposit.source, deposit.size)]),
        lambda: store.open(KEY),
        lambda: list(store.list(StoreKey("maps/a/v1"))),
    ):
        with pytest.raises(DeniedError, match="follows no links"):
            act()
    assert sorted(path.name for path in outside.iterdir()) == ["data"]


def test_a_link_in_a_files_place_is_listed_and_never_followed_or_replaced(
    store: FolderStore, root: Path, tmp_path: Path, deposit: Deposit
):
    (tmp_path / "secret").write_bytes(b"secret")
    (root / KEY).parent.mkdir(parents=True)
    (root / KEY).symlink_to(tmp_path / "secret")
    with pytest.raises(DeniedError):
        store.open(KEY)
    with pytest.raises(AlreadyExistsError):
        store.create([deposit])
    assert [kept.key for kept in store.list()] == [KEY]


def test_a_pipe_in_a_files_place_is_reported_and_not_waited_for(store: FolderStore, root: Path):
    (root / KEY).parent.mkdir(parents=True)
    os.mkfifo(root / KEY)
    with pytest.raises(IntegrityError, match="no longer a plain file"):
        store.open(KEY)


def test_a_version_that_is_committed_while_it_is_being_discarded_is_put_back(root: Path):
    folder_store(root)
    version = root / SHEET.prefix
    version.mkdir(parents=True)
    (version / "bagit.txt").write_bytes(b"x")

    class Raced(FolderPurger):
        def _refuse_committed(self, folder: int, version_name: str, package: PackageId) -> None:
            super()._refuse_committed(folder, version_name, package)
            (version / "tagmanifest-sha256.txt").touch()

    with pytest.raises(IntegrityError, match="is committed, for it has tagmanifest-sha256"):
        Raced(NAME, root, FolderMaker(NAME, root).identity(), COMMITS).discard_uncommitted(SHEET)
    assert sorted(path.name for path in version.iterdir()) == ["bagit.txt", "tagmanifest-sha256.txt"]


def test_discarding_follows_no_link(root: Path, tmp_path: Path):
    folder_store(root)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"x")
    (root / SHEET.prefix).mkdir(parents=True)
    (root / SHEET.prefix / "link").symlink_to(tmp_path / "outside")
    FolderPurger(NAME, root, FolderMaker(NAME, root).identity(), COMMITS).discard_uncommitted(SHEET)
    assert not (root / SHEET.prefix).exists()
    assert (tmp_path / "outside" / "x").read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_source_that_has_become_something_else_is_told_and_not_waited_for(
    store: FolderStore, tmp_path: Path, deposit: Deposit, kind: str
):
    deposit.source.rename(tmp_path / "elsewhere")
    if kind == "link":
        deposit.source.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(deposit.source)
    else:
        deposit.source.mkdir()
    with pytest.raises(SourceChangedError):
        store.create([deposit])
    assert list(store.list()) == []


def test_a_source_that_shrinks_while_it_is_copied_is_told(
    store: FolderStore, deposit: Deposit, monkeypatch: pytest.MonkeyPatch
):
    sendfile = os.sendfile

    def shrinking(target: int, source: int, offset: int, count: int) -> int:
        os.truncate(deposit.source, 3)
        return sendfile(target, source, offset, count)

    monkeypatch.setattr(copy.os, "sendfile", shrinking)
    with pytest.raises(SourceChangedError, match="ends after 3"):
        store.create([deposit])
    assert list(store.list()) == []


def _failing(number: int) -> Callable[..., int]:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_source_that_cannot_be_read_is_told_from_a_store_that_cannot_be_written(
    store: FolderStore, deposit: Deposit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(copy.os, "sendfile", _failing(errno.EIO))
    with pytest.raises(UnavailableError, match=r"first.*Input/output error"):
        store.create([deposit])
    monkeypatch.setattr(copy.os, "pread", _failing(errno.EIO))
    with pytest.raises(SourceChangedError, match=r"source.*Input/output error"):
        store.create([deposit])


def test_where_the_kernel_cannot_send_between_two_file_systems_the_bytes_go_through_memory(
    store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 << 20))
    monkeypatch.setattr(copy.os, "sendfile", _failing(errno.EINVAL))
    store.create([Deposit(KEY, source, 3 << 20)])
    assert (root / KEY).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("links", [True, False], ids=["with-hard-links", "without-hard-links"])
def test_a_file_system_that_cannot_refuse_to_replace_replaces_nothing_all_the_same(
    store: FolderStore, root: Path, deposit: Deposit, monkeypatch: pytest.MonkeyPatch, *, links: bool
):
    monkeypatch.setattr(move, "rename_without_replacing", _failing(errno.EINVAL))
    if not links:
        monkeypatch.setattr(move.os, "link", _failing(errno.EPERM))
    store.create([deposit])
    deposit.source.write_bytes(b"another")
    with pytest.raises(AlreadyExistsError):
        store.create([deposit])
    assert (root / KEY).read_bytes() == b"content"
    assert (root / KEY).stat().st_nlink == 1
    store.probe()


def test_creators_take_turns_where_a_file_system_offers_nothing_better(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rename = os.rename

    def slow_rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        time.sleep(0.005)
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(move, "rename_without_replacing", _failing(errno.EINVAL))
    monkeypatch.setattr(move.os, "link", _failing(errno.EPERM))
    monkeypatch.setattr(move.os, "rename", slow_rename)

    def won(number: int) -> bool:
        source = tmp_path / f"source-{number}"
        source.write_bytes(b"x")
        try:
            store.create([Deposit(KEY, source, 1)])
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(won, range(8))) == 1


def test_a_file_system_that_replaces_is_found_out_by_the_probe(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    def replacing(source_folder: int, source: str, target_folder: int, target: str) -> None:
        os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)

    monkeypatch.setattr(move, "rename_without_replacing", replacing)
    with pytest.raises(StorageError, match="replaced a file"):
        store.probe()


def test_a_c_library_without_the_newer_calls_is_made_do_with(
    store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(linux, "_libc", object())
    deposits = []
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(b"x")
        deposits.append(Deposit(StoreKey(f"maps/{number}"), tmp_path / f"{number}", 1))
    store.create(deposits)
    assert len(list((root / "maps").iterdir())) == 20


def test_a_missing_file_in_a_store_that_is_there_is_not_found(store: FolderStore):
    with pytest.raises(NotFoundError):
        store.open(KEY)


def test_leftovers_are_cleared_when_they_are_a_day_old_and_nobody_holds_them(
    store: FolderStore, root: Path, deposit: Deposit
):
    old, recent = root / ".incoming" / "old", root / ".incoming" / "recent"
    for area in (old, recent):
        (area / "0").mkdir(parents=True)
        (area / "0" / "0").write_bytes(b"half a fi")
        (area / "lock").touch()
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (two_days_ago, two_days_ago))
    store.create([deposit])
    assert [path.name for path in (root / ".incoming").iterdir()] == ["recent"]


def test_an_area_in_use_is_never_cleared_however_old(store: FolderStore, root: Path, tmp_path: Path):
    other = folder_store(root)
    sources = []
    for number in range(2):
        source = tmp_path / f"source-{number}"
        source.write_bytes(b"x")
        sources.append(source)

    def slowly() -> Iterator[Deposit]:
        yield Deposit(StoreKey("maps/0"), sources[0], 1)
        (area,) = (root / ".incoming").iterdir()
        os.utime(area, (0, 0))
        other.create([Deposit(StoreKey("maps/1"), sources[1], 1)])
        assert area.exists()

    store.create(slowly())
    assert [kept.key for kept in store.list()] == ["maps/0", "maps/1"]
