from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile_trees import Deep
from support.surveys import drop

from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.paths import MOST_PATH_BYTES, RelativePath, path_order
from preservation.survey.walk import FoundFile, outline_of_tree, walk


def test_every_file_is_found_with_its_size_and_time(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"12345", "sub/b.tif": b""})

    (a, b) = walk(tmp_path)

    assert a == FoundFile(RelativePath("a.tif"), 5, (tmp_path / "a.tif").stat().st_mtime_ns)
    assert b == FoundFile(RelativePath("sub/b.tif"), 0, (tmp_path / "sub/b.tif").stat().st_mtime_ns)


def test_the_order_is_that_of_the_whole_paths_bytes_and_not_of_the_folders(tmp_path: Path):
    names = ["a/z", "a-b", "a.tif", "a0", "ä/x", "a/b/c", "a/b-c", "Z", "日本/1", "e-1"]
    drop(tmp_path, dict.fromkeys(names, b""))
    # An empty folder and one that cannot be named stand where their own paths belong.
    (tmp_path / "e").mkdir()
    (tmp_path / "a\udcff").mkdir()

    paths = [entry.path for entry in walk(tmp_path)]

    assert sorted([*names, "e", "a\\xff"], key=path_order) == paths


def test_links_pipes_sockets_and_empty_folders_are_told_and_not_followed(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "link-to-folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        entries = {entry.path: entry for entry in walk(tmp_path)}

    assert {path: entry.kind for path, entry in entries.items() if isinstance(entry, IrregularEntry)} == {
        "folder": EntryKind.EMPTY_FOLDER,
        "link": EntryKind.SYMLINK,
        "link-to-folder": EntryKind.SYMLINK,
        "pipe": EntryKind.DEVICE,
        "socket": EntryKind.DEVICE,
    }
    assert "/etc/passwd" in entries[RelativePath("link")].detail  # type: ignore[union-attr]


def test_a_name_that_is_not_utf_8_is_shown_with_escapes_below_its_faithful_folder(tmp_path: Path):
    drop(tmp_path, {"new\nline/ok.tif": b""})
    (tmp_path / "new\nline/scan\udcff.tif").touch()

    (ok, unnameable) = walk(tmp_path)

    assert ok.path == "new\nline/ok.tif"
    assert isinstance(unnameable, IrregularEntry)
    assert unnameable.kind is EntryKind.UNNAMEABLE
    assert unnameable.path == "new\nline/scan\\xff.tif"


def test_a_folder_whose_name_is_not_utf_8_is_one_entry(tmp_path: Path):
    (tmp_path / "\udcfe").mkdir()
    (tmp_path / "\udcfe/a.tif").touch()

    (entry,) = walk(tmp_path)

    assert isinstance(entry, IrregularEntry)
    assert entry.kind is EntryKind.UNNAMEABLE
    assert "folder" in entry.detail


def test_a_folder_whose_path_is_too_long_to_be_restored_is_given_and_not_entered(tmp_path: Path, deep: Deep):
    deep(tmp_path / "drop", 5_000)
    (tmp_path / "drop/page.tif").touch()

    too_deep, page = walk(tmp_path / "drop")

    assert isinstance(too_deep, IrregularEntry)
    assert (too_deep.kind, len(too_deep.path)) == (EntryKind.TOO_LONG, MOST_PATH_BYTES + 1)
    assert "3,841 bytes" in too_deep.detail
    assert page.path == "page.tif"


def test_the_longest_path_that_can_be_restored_is_a_file_as_any_other(tmp_path: Path, deep: Deep):
    name = "letter.txt"
    deep(tmp_path / "drop", (MOST_PATH_BYTES - len(name)) // 2)
    (found,) = walk(tmp_path / "drop")
    assert isinstance(found, FoundFile)
    assert len(found.path) == MOST_PATH_BYTES


def test_one_file_alone_is_found_by_its_name(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"1", "b.tif": b"22"})

    (found,) = walk(tmp_path, RelativePath("b.tif"))

    assert isinstance(found, FoundFile)
    assert (found.path, found.size) == ("b.tif", 2)


@pytest.fixture
def readable_by_all() -> Iterator[Path]:
    """A folder that somebody other than its owner can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_folder_that_cannot_be_listed_is_told(readable_by_all: Path):
    drop(readable_by_all, {"a.tif": b"", "closed/b.tif": b""})
    (readable_by_all / "closed").chmod(0)
    os.seteuid(65534)
    try:
        (a, closed) = walk(readable_by_all)
    finally:
        os.seteuid(0)

    assert a.path == "a.tif"
    assert isinstance(closed, IrregularEntry)
    assert (closed.path, closed.kind) == ("closed", EntryKind.UNREADABLE)


def test_the_signature_of_a_tree_stays_while_nothing_happens(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"1", "sub/b.tif": b"2"})

    assert outline_of_tree(tmp_path).signature == outline_of_tree(tmp_path).signature


@pytest.mark.parametrize("happening", ["written again", "grown", "come", "gone", "renamed", "emptied"])
def test_the_signature_of_a_tree_changes_with_whatever_happens_in_it(tmp_path: Path, happening: str):
    drop(tmp_path, {"a.tif": b"1", "sub/b.tif": b"2"})
    before = outline_of_tree(tmp_path).signature
    match happening:
        case "written again":
            os.utime(tmp_path / "a.tif", ns=(1, 1))
        case "grown":
            status = (tmp_path / "a.tif").stat()
            (tmp_path / "a.tif").write_bytes(b"11")
            os.utime(tmp_path / "a.tif", ns=(status.st_atime_ns, status.st_mtime_ns))
        case "come":
            (tmp_path / "c.tif").touch()
        case "gone":
            (tmp_path / "a.tif").unlink()
        case "renamed":
            (tmp_path / "a.tif").rename(tmp_path / "aa.tif")
        case "emptied":
            (tmp_path / "sub/b.tif").unlink()

    assert outline_of_tree(tmp_path).signature != before
