"""A folder store on a disk that is full, or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.store_peers import folder_store

from preservation.errors import DeniedError, StoreFullError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit

KEY = StoreKey("maps/a/v1/data/x")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of one megabyte."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    point = tmp_path / "disk"
    point.mkdir()
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root and mount(8)")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", point], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield point
    subprocess.run([umount, point], check=True)


def remounted(point: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", point], check=True)


def test_a_full_disk_is_told_as_full_and_leaves_only_whole_files(small_disk: Path, tmp_path: Path):
    store = folder_store(small_disk)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))
    with pytest.raises(StoreFullError, match=r"first.*maps/a/v1/.*make room"):
        store.create(Deposit(StoreKey(f"maps/a/v1/{number}"), source, 100_000) for number in range(20))
    assert list((small_disk / ".incoming").iterdir()) == []
    for kept in list(store.list()):
        assert (small_disk / kept.key).read_bytes() == source.read_bytes()
    store.create([Deposit(StoreKey("maps/a/v1/small"), source, 100_000)])


def test_a_read_only_disk_is_denied_for_writing_and_still_read(small_disk: Path, tmp_path: Path):
    source = tmp_path / "source"
    source.write_bytes(b"content")
    store = folder_store(small_disk)
    store.create([Deposit(KEY, source, 7)])
    remounted(small_disk, "ro")
    with pytest.raises(DeniedError, match=r"first.*Read-only"):
        store.create([Deposit(StoreKey("maps/y"), source, 7)])
    with pytest.raises(DeniedError):
        store.probe()
    with store.open(KEY) as stream:
        assert stream.readinto(bytearray(10)) == 7
