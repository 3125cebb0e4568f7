"""A folder store whose disk goes away: the mount point below it is never written into, at no instant."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.plans import SHEET
from support.store_peers import NAME, folder_store

from preservation.errors import UnavailableError
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.store import FolderStore

Leave = Callable[[], None]


@pytest.fixture(params=["unmounted", "renamed"])
def leaving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FolderStore, Path, Leave]]:
    """A store, its folder, and how it goes away, with the folder of another try at a store in its place."""
    root = tmp_path / "store"
    (root / ".incoming").mkdir(parents=True)
    if request.param == "renamed":

        def rename() -> None:
            root.rename(tmp_path / "away")
            (root / ".incoming").mkdir(parents=True)

        yield folder_store(root), root, rename
        return
    with small_disk(root, "8m"):
        yield folder_store(root), root, lambda: _unmount(root)
        # What the context unmounts at its end.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], check=True)


def _unmount(root: Path) -> None:
    subprocess.run(["umount", "--lazy", root], check=True)


@pytest.fixture
def deposits(tmp_path: Path) -> list[Deposit]:
    sources = [tmp_path / f"source-{number}" for number in range(6)]
    for source in sources:
        source.write_bytes(b"content")
    return [Deposit(StoreKey(f"{SHEET.prefix}/data/{source.name}"), source, 7) for source in sources]


def written_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path != root / ".incoming"]


def test_what_is_written_while_the_disk_goes_lands_on_it_and_never_in_the_mount_point(
    leaving: tuple[FolderStore, Path, Leave], deposits: list[Deposit]
):
    store, root, leave = leaving

    def going_midway() -> Iterator[Deposit]:
        yield from deposits[:3]
        leave()
        yield from deposits[3:]

    store.create(going_midway())
    assert written_below(root) == []
    with pytest.raises(UnavailableError, match="does not hold the identity of this store"):
        store.create(deposits[:1])
    assert written_below(root) == []


def test_an_empty_mount_point_that_looks_like_a_store_is_away_for_every_act(
    leaving: tuple[FolderStore, Path, Leave], deposits: list[Deposit]
):
    store, root, leave = leaving
    store.create(deposits)
    purger = FolderPurger(NAME, root, FolderMaker(NAME, root).identity(), COMMITS)
    leave()
    for act in (
        lambda: store.create(deposits),
        lambda: store.open(deposits[0].key),
        lambda: store.stat(deposits[0].key),
        lambda: list(store.list()),
        store.check,
        store.probe,
        lambda: purger.discard_uncommitted(SHEET),
    ):
        with pytest.raises(UnavailableError, match="mount its disk"):
            act()
    assert written_below(root) == []


def test_a_listing_that_began_ends_with_what_the_disk_holds(
    leaving: tuple[FolderStore, Path, Leave], deposits: list[Deposit]
):
    store, _, leave = leaving
    store.create(deposits)
    listing = store.list()
    first = next(listing)
    leave()
    assert [first.key, *(kept.key for kept in listing)] == [deposit.key for deposit in deposits]


@pytest.mark.parametrize("content", [b"", b"not an identity\n", b"\xff" * 200, b"0" * 36])
def test_a_damaged_identity_is_none_and_is_not_replaced(tmp_path: Path, content: bytes):
    root = tmp_path / "store"
    store = folder_store(root)
    maker = FolderMaker(NAME, root)
    (root / ".identity").chmod(0o644)
    (root / ".identity").write_bytes(content)
    assert maker.identity() is None
    with pytest.raises(UnavailableError, match="does not hold the identity"):
        store.check()
