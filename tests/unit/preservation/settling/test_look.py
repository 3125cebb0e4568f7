"""One look at a drop from outside."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile_trees import Deep
from support.inboxes import terms
from support.surveys import drop

from preservation.settling.look import look_at
from preservation.settling.tally import Look

QUIET = terms()
SENTINEL = terms('complete_when = "sentinel"')


def look(path: Path) -> Look:
    found = look_at(path, QUIET)
    assert found is not None
    return found


def test_files_and_bytes_are_counted_below_all_folders(tmp_path: Path):
    drop(tmp_path / "d", {"a.tif": b"12345", "sub/b.tif": b"123", "sub/deep/c.tif": b""})
    os.utime(tmp_path / "d/sub/b.tif", ns=(0, 1 << 62))

    found = look(tmp_path / "d")

    assert (found.files, found.bytes, found.newest, found.fault) == (3, 8, 1 << 62, "")
    assert found.is_folder
    assert found.has_content


def test_a_single_file_is_a_drop_too(tmp_path: Path):
    drop(tmp_path, {"plate.tif": b"12345"})
    found = look(tmp_path / "plate.tif")
    assert (found.files, found.bytes, found.is_folder, found.has_content) == (1, 5, False, True)


def test_what_is_not_there_has_no_look(tmp_path: Path):
    drop(tmp_path, {"plate.tif": b""})
    assert look_at(tmp_path / "gone", QUIET) is None
    assert look_at(tmp_path / "plate.tif/gone", QUIET) is None


def rewritten(root: Path) -> None:
    (root / "a.tif").write_bytes(b"54321")


def grown(root: Path) -> None:
    with (root / "a.tif").open("ab") as file:
        file.write(b"6")


def renamed(root: Path) -> None:
    (root / "a.tif").rename(root / "b.tif")


def replaced_by_one_of_the_same_size_and_time(root: Path) -> None:
    found = (root / "a.tif").stat()
    (root / "other").write_bytes(b"54321")
    os.utime(root / "other", ns=(found.st_atime_ns, found.st_mtime_ns))
    (root / "other").rename(root / "a.tif")


def put_back_to_its_old_time(root: Path) -> None:
    found = (root / "a.tif").stat()
    (root / "a.tif").write_bytes(b"54321")
    os.utime(root / "a.tif", ns=(found.st_atime_ns, found.st_mtime_ns))


def came_and_went(root: Path) -> None:
    (root / "sub/passing").touch()
    (root / "sub/passing").unlink()


def given_an_empty_folder(root: Path) -> None:
    (root / "empty").mkdir()


def linked(root: Path) -> None:
    (root / "link").symlink_to("nowhere")


@pytest.mark.parametrize(
    "change",
    [
        rewritten,
        grown,
        renamed,
        replaced_by_one_of_the_same_size_and_time,
        put_back_to_its_old_time,
        came_and_went,
        given_an_empty_folder,
        linked,
    ],
)
def test_every_change_makes_another_signature(tmp_path: Path, change: Callable[[Path], None]):
    drop(tmp_path / "d", {"a.tif": b"12345", "sub/x.tif": b""})
    before = look(tmp_path / "d")
    assert look(tmp_path / "d") == before

    change(tmp_path / "d")

    assert look(tmp_path / "d").signature != before.signature


def test_reading_changes_nothing(tmp_path: Path):
    drop(tmp_path / "d", {"a.tif": b"12345"})
    before = look(tmp_path / "d")
    assert (tmp_path / "d/a.tif").read_bytes()
    assert look(tmp_path / "d") == before


def test_names_that_are_not_utf_8_and_other_odd_names_are_looked_at_like_any(tmp_path: Path):
    drop(tmp_path / "d", {"new\nline\u202e.tif": b"1", "x" * 255: b"2"})
    (tmp_path / "d/scan\udcff.tif").write_bytes(b"3")
    (tmp_path / "d/f\udcfe").mkdir()
    (tmp_path / "d/f\udcfe/a.part").write_bytes(b"4")

    found = look(tmp_path / "d")

    assert (found.files, found.bytes, found.fault) == (4, 4, "")
    assert found.temporary == "f\udcfe/a.part"


def test_no_link_is_followed(tmp_path: Path):
    drop(tmp_path, {"elsewhere/a.tif": b"12345"})
    (tmp_path / "d").mkdir()
    (tmp_path / "d/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d/file").symlink_to(tmp_path / "elsewhere/a.tif")
    (tmp_path / "drop").symlink_to(tmp_path / "elsewhere")

    assert (look(tmp_path / "d").files, look(tmp_path / "d").has_content) == (0, True)
    assert (look(tmp_path / "drop").files, look(tmp_path / "drop").is_folder) == (0, False)


def test_a_pipe_and_a_socket_hold_nobody_up(tmp_path: Path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "d/socket"))
        assert look(tmp_path / "d").files == 0


def test_a_tree_deeper_than_what_can_be_kept_is_complete_and_left_to_the_survey(tmp_path: Path, deep: Deep):
    deep(tmp_path / "d", 5_000)
    found = look(tmp_path / "d")
    assert (found.files, found.fault) == (0, "")


def test_many_files_take_no_memory(tmp_path: Path):
    (tmp_path / "d").mkdir()
    for number in range(3_000):
        (tmp_path / f"d/page-{number:04}.tif").touch()
    look(tmp_path / "d")
    tracemalloc.start()
    try:
        found = look(tmp_path / "d")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.files == 3_000
    assert peak < 100_000, "for 3,000 files: some 30 bytes each"


def test_temporary_names_of_files_and_folders_are_told_and_junk_is_not(tmp_path: Path):
    drop(
        tmp_path / "d",
        {
            "page-012.tif.part": b"",
            ".page-013.tif.Ab3xYz": b"",
            "up/.~tmp~/page-014.tif": b"",
            "half.tmp/page-015.tif": b"",
            "~$notes.docx": b"",
            "page-016.tif": b"",
        },
    )
    assert look(tmp_path / "d").temporaries == 5

    without_locks = look_at(tmp_path / "d", terms('junk = ["~$*"]'))

    assert without_locks is not None
    assert without_locks.temporaries == 4


def test_folders_junk_and_sentinels_are_no_content(tmp_path: Path):
    drop(tmp_path / "d", {"sub/Thumbs.db": b"1"})
    (tmp_path / "d/empty").mkdir()
    policy = terms('junk = ["Thumbs.db"]', 'complete_when = "sentinel"')

    found = look_at(tmp_path / "d", policy)
    assert found is not None
    assert not found.has_content

    (tmp_path / "d/.done").touch()
    found = look_at(tmp_path / "d", policy)
    assert found is not None
    assert (found.has_content, found.announced) == (False, True)


def test_a_sentinel_is_at_the_top_of_the_folder_or_beside_it(tmp_path: Path):
    drop(
        tmp_path,
        {"inside/a": b"", "inside/.ready": b"", "beside/a": b"", "deep/sub/.done": b"", "f.tif": b""},
    )
    (tmp_path / "beside.done").touch()
    (tmp_path / "f.tif.done").touch()
    (tmp_path / "deep.done").mkdir()

    def sentinels(name: str) -> tuple[bool, tuple[Path, ...]]:
        found = look_at(tmp_path / name, SENTINEL)
        assert found is not None
        return found.announced, found.sentinels_beside

    assert sentinels("inside") == (True, ())
    assert sentinels("beside") == (True, (tmp_path / "beside.done",))
    assert sentinels("f.tif") == (True, (tmp_path / "f.tif.done",))
    assert sentinels("deep") == (False, ())
    assert not look(tmp_path / "inside").announced, "nobody asked for one"


def test_a_sentinel_may_have_any_name(tmp_path: Path):
    drop(tmp_path, {"d/SCAN COMPLETE": b"", "f.tif": b"", "f.tif.SCAN COMPLETE": b""})
    policy = terms('complete_when = "sentinel"', 'sentinels = ["SCAN COMPLETE"]')
    for name in ("d", "f.tif"):
        found = look_at(tmp_path / name, policy)
        assert found is not None
        assert found.announced


def test_manifests_and_metadata_are_counted_where_they_are_asked_for(tmp_path: Path):
    drop(tmp_path / "d", {"a.tif": b"", "checksums.md5": b"", "sub/mets.xml": b"", "list.CSV": b""})
    by_manifest = look_at(tmp_path / "d", terms('complete_when = "manifest"'))
    by_metadata = look_at(tmp_path / "d", terms('complete_when = "metadata"'))
    assert by_manifest is not None
    assert by_metadata is not None
    assert (by_manifest.manifests, by_manifest.metadata) == (1, 0)
    assert (by_metadata.manifests, by_metadata.metadata) == (0, 2)


def test_what_vanishes_while_it_is_looked_at_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drop(tmp_path / "d", {f"{number}/a.tif": b"1" for number in range(20)})
    scandir = os.scandir
    seen = []

    def emptying(descriptor: int) -> object:
        seen.append(descriptor)
        if len(seen) == 2:
            for folder in (tmp_path / "d").iterdir():
                (folder / "a.tif").unlink()
                folder.rmdir()
        return scandir(descriptor)

    monkeypatch.setattr(os, "scandir", emptying)
    found = look(tmp_path / "d")
    assert (found.files, found.fault) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_a_drop_that_must_not_be_read_is_told_and_a_folder_in_it_is_left_to_the_survey(tmp_path: Path):
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    drop(tmp_path, {"closed/a": b"", "open/shut/a": b"", "open/b": b""})
    (tmp_path / "closed").chmod(0)
    (tmp_path / "open/shut").chmod(0)
    os.seteuid(65534)
    try:
        closed, opened = look(tmp_path / "closed"), look(tmp_path / "open")
    finally:
        os.seteuid(0)
    assert closed.fault == "Permission denied"
    assert (opened.fault, opened.files) == ("", 1)
