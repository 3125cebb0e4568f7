"""A folder store's confirmer reads the disk itself, follows no link, and leaves alone what it cannot do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest
from fakes import whole
from services.small_disks import disk_image
from support.store_peers import folder_store

from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.ports.confirmers import Expected
from storage.stores.folder import direct
from storage.stores.folder.confirm import FolderConfirmer
from storage.stores.folder.direct import DirectReader

NAME = StoreName("first")
FOLDER = "maps/sheet/v1/data"


def place_file(root: Path, name: str, content: bytes) -> Path:
    path = root / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def expected(name: str, content: bytes) -> Expected:
    return Expected(StoreKey(f"{FOLDER}/{name}"), len(content), digest_bytes(content, (Algorithm.SHA256,)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    folder_store(root, NAME)
    return root


def test_what_the_page_cache_remembers_is_not_confirmed_where_the_disk_has_other_bytes(tmp_path: Path):
    kept, rotten = b"what was kept, all of it" * 400, b"what was kept, but of it" * 400
    with disk_image(tmp_path, tmp_path / "disk") as disk:
        store = folder_store(disk.point / "store", NAME)
        path = place_file(disk.point / "store", "page", kept)
        confirmer = FolderConfirmer(NAME, disk.point / "store")
        assert confirmer.confirmed([expected("page", kept)]) == [len(kept)]
        assert path.read_bytes() == kept
        disk.alter(kept, rotten)
        # Whoever asks the system as usual is shown what it remembers.
        assert path.read_bytes() == kept
        assert confirmer.confirmed([expected("page", kept)]) == [None]
        assert confirmer.confirmed([expected("page", rotten)]) == [len(rotten)]
        with store.open(StoreKey(f"{FOLDER}/page")) as stream:
            assert whole(stream) == rotten


def test_no_link_is_followed_and_what_is_no_file_is_not_confirmed(root: Path):
    elsewhere = place_file(root, "real", b"real")
    os.mkfifo(root / FOLDER / "pipe")
    (root / FOLDER / "link").symlink_to(elsewhere)
    (root / FOLDER / "folder").mkdir()
    (root / "linked").symlink_to(root / "maps")
    wanted = [expected("real", b"real"), expected("link", b"real")]
    wanted += [expected(name, b"") for name in ("pipe", "folder")]
    wanted.append(Expected(StoreKey("linked/sheet/v1/data/real"), 4, wanted[0].digests))
    wanted.append(Expected(StoreKey("maps/../maps/sheet/v1/data/real"), 4, wanted[0].digests))
    confirmer = FolderConfirmer(NAME, root)
    assert confirmer.confirmed(wanted) == [4, None, None, None, None, None]


def test_a_large_file_is_left_to_whoever_reads_it_in_pieces(root: Path):
    large = b"x" * ((1 << 20) + 1)
    place_file(root, "large", large)
    place_file(root, "small", b"small")
    wanted = [expected("large", large), expected("small", b"small")]
    assert FolderConfirmer(NAME, root).confirmed(wanted) == [None, 5]


def test_of_a_store_that_is_not_there_nothing_is_confirmed_and_it_is_asked_again(tmp_path: Path):
    confirmer = FolderConfirmer(NAME, tmp_path / "store")
    assert confirmer.confirmed([expected("page", b"page")]) == [None]
    place_file(tmp_path / "store", "page", b"page")
    assert confirmer.confirmed([expected("page", b"page")]) == [4]


@pytest.fixture
def open_files() -> Iterator[None]:
    """Nothing may stay open."""
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208  the listing itself is one of them
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  as above


@pytest.mark.usefixtures("open_files")
def test_where_the_system_offers_no_such_reading_nothing_is_confirmed(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    place_file(root, "page", b"page")
    monkeypatch.setattr(direct, "_NUMBERS", MappingProxyType({}))
    assert FolderConfirmer(NAME, root).confirmed([expected("page", b"page")]) == [None]


@pytest.mark.usefixtures("open_files")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.EMFILE])
def test_where_a_file_system_offers_none_nothing_is_confirmed(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    place_file(root, "page", b"page")
    sound, asked = os.open, []

    def refuses(path: str, flags: int, *given: object, **named: object) -> int:
        if flags & os.O_DIRECT:
            asked.append(path)
            raise OSError(number, os.strerror(number))
        return sound(path, flags, *given, **named)  # type: ignore[arg-type]  passed on as it came

    monkeypatch.setattr(os, "open", refuses)
    confirmer = FolderConfirmer(NAME, root)
    for _ in range(2):
        assert confirmer.confirmed([expected("page", b"page")]) == [None]
    # Where there can be none, it is not asked for again and again.
    assert len(asked) == (2 if number == errno.EMFILE else 1)


def test_a_descriptor_that_cannot_be_read_leaves_the_others_of_its_batch_to_be_read_one_by_one(root: Path):
    first, last = place_file(root, "first", b"first"), place_file(root, "last", b"last")
    reader = DirectReader()
    opened = [os.open(first, os.O_RDONLY | os.O_DIRECT), os.open(last, os.O_RDONLY | os.O_DIRECT)]
    closed = os.dup(opened[0])
    os.close(closed)
    try:
        found = reader.read([(opened[0], 4096), (closed, 4096), (opened[1], 4096)])
        assert [None if one is None else bytes(one) for one in found] == [b"first", None, None]
        # A file that does not end within its room was not read to its end.
        os.truncate(last, 4096)
        assert reader.read([(opened[1], 4096)]) == [None]
        [content] = reader.read([(opened[1], 8192)])
        assert content is not None
        assert len(content) == 4096
        with pytest.raises(OSError, match="Bad file descriptor"):
            reader.read([(closed, 4096)])
        with pytest.raises(ValueError, match="more than is read at once"):
            reader.read([(opened[0], direct.MOST_BYTES), (opened[1], 4096)])
    finally:
        reader.close()
        for descriptor in opened:
            os.close(descriptor)
