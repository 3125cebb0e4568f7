"""Replacing files of a folder store: in one step, never through links, on full and read-only disks too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import whole
from services.small_disks import small_disk
from support.identities import made
from support.memory_store import MemoryQuarantine

from preservation.errors import DeniedError, StoreFullError, UnavailableError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.ports.replacers import Replacement
from storage.ports.stores import Deposit, SiteName, StorePlace
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.modes import Readers
from storage.stores.folder.replace import FolderReplacer
from storage.stores.folder.store import FolderStore

NAME = StoreName("first")
KEY = StoreKey("maps/a/v1/data/x.tif")
KEPT, BAD = b"as it was kept", b"other bytes"
EXPECTED = digest_bytes(KEPT, (Algorithm.SHA256,))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "store"
        identity = made(FolderMaker(NAME, self.root, Readers.GROUP))
        self.store = FolderStore(NAME, self.root, StorePlace(SiteName("here"), "", ""), identity)
        self.replacer = FolderReplacer(NAME, self.root, identity)
        self.source = folder / "source"
        self.quarantine = MemoryQuarantine()

    def deposit(self, content: bytes, key: StoreKey = KEY) -> Deposit:
        self.source.write_bytes(content)
        return Deposit(key, self.source, len(content))

    def replace(self, content: bytes = KEPT) -> Replacement:
        return self.replacer.replace(self.deposit(content), EXPECTED, self.quarantine)

    @property
    def file(self) -> Path:
        return self.root / KEY

    @property
    def leftovers(self) -> list[Path]:
        return list((self.root / ".incoming").iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.store.create([bench.deposit(BAD)])
    return bench


def test_what_is_put_there_has_the_modes_of_the_store_and_leaves_no_leftovers(bench: Bench):
    before = bench.file.stat()
    with bench.store.open(KEY) as reading:
        assert bench.replace() is Replacement.REPLACED
        # Whoever reads the old file has it to its end.
        assert whole(reading) == BAD
    after = bench.file.stat()
    assert stat.S_IMODE(after.st_mode) == stat.S_IMODE(before.st_mode) == 0o440
    assert after.st_ino != before.st_ino
    assert bench.leftovers == []


def test_missing_folders_are_made_with_the_modes_of_the_store(bench: Bench):
    key = StoreKey("maps/b/v2/data/deep/down.tif")
    assert bench.replacer.replace(bench.deposit(KEPT, key), EXPECTED, bench.quarantine) is Replacement.CREATED
    assert stat.S_IMODE((bench.root / key).parent.stat().st_mode) == 0o750


@pytest.mark.parametrize("to", ["a file", "nothing", "a folder"])
def test_a_link_is_neither_followed_nor_replaced_nor_taken_away(bench: Bench, tmp_path: Path, to: str):
    outside = tmp_path / "outside"
    if to == "a file":
        outside.write_bytes(BAD)
    elif to == "a folder":
        outside.mkdir()
    bench.file.unlink()
    bench.file.symlink_to(outside)
    for act in (bench.replace, lambda: bench.replacer.remove_unexpected(KEY, bench.quarantine)):
        with pytest.raises(DeniedError, match="is a link"):
            act()
    assert bench.file.is_symlink()
    assert bench.quarantine.kept == []


def test_a_link_in_the_place_of_a_folder_leads_nowhere(bench: Bench, tmp_path: Path):
    outside = tmp_path / "outside"
    (bench.root / "maps/a/v1/data").rename(outside)
    (bench.root / "maps/a/v1/data").symlink_to(outside)
    for act in (bench.replace, lambda: bench.replacer.remove_unexpected(KEY, bench.quarantine)):
        with pytest.raises(DeniedError):
            act()
    assert (outside / "x.tif").read_bytes() == BAD


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_left_for_a_person(bench: Bench, kind: str):
    bench.file.unlink()
    if kind == "folder":
        bench.file.mkdir()
    else:
        os.mkfifo(bench.file)
    with pytest.raises(DeniedError, match="no plain file"):
        bench.replace()
    assert bench.file.exists()


class Meddling:
    """A quarantine in which another process writes into the store at the worst moment."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def receive(self, _key: StoreKey) -> Iterator[Meddling]:
        yield self

    def write(self, chunk: memoryview) -> None:
        pass

    def keep(self, _why: str) -> None:
        self.file.unlink()
        self.file.write_bytes(b"written meanwhile")


def test_what_was_changed_after_it_was_handed_out_is_not_replaced(bench: Bench):
    meddling = Meddling(bench.file)
    for act in (
        lambda: bench.replacer.replace(bench.deposit(KEPT), EXPECTED, meddling),
        lambda: bench.replacer.remove_unexpected(KEY, meddling),
    ):
        with pytest.raises(UnavailableError, match="was changed while it was repaired"):
            act()
        assert bench.file.read_bytes() == b"written meanwhile"
    assert bench.leftovers == []


def test_on_a_full_or_read_only_disk_the_damaged_file_stays_as_it_is(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", "4m") as disk:
        bench = Bench(tmp_path / "disk")
        bench.source = tmp_path / "source"
        bench.store.create([bench.deposit(BAD)])
        ballast = disk.fill(leaving=8192)
        large = os.urandom(1 << 20)
        with pytest.raises(StoreFullError):
            bench.replacer.replace(bench.deposit(large), EXPECTED, bench.quarantine)
        ballast.unlink()
        disk.remount("ro")
        with pytest.raises(DeniedError):
            bench.replace()
        with pytest.raises(DeniedError):
            bench.replacer.remove_unexpected(KEY, bench.quarantine)
        assert bench.file.read_bytes() == BAD
        disk.remount("rw")
        assert bench.replace() is Replacement.REPLACED
        assert bench.file.read_bytes() == KEPT
