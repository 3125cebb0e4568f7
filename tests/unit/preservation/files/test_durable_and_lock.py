"""Files that are written whole or not at all, and locks between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from preservation.files.durable import create_durably, sync_folder, written_whole
from preservation.files.lock import FOLDER, lock, locked


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Size, and whether the file has its name, of what was made durable, at that moment."""
    found: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        found.append((os.fstat(descriptor).st_size, name == "note"))
        fsync(descriptor)

    monkeypatch.setattr("preservation.files.durable.os.fsync", noting)
    return found


def test_a_file_has_its_name_only_when_it_is_whole_and_on_the_disk(
    tmp_path: Path, synced: list[tuple[int, bool]]
):
    note = tmp_path / "note"
    note.write_bytes(b"before")
    with written_whole(note) as sink:
        sink.write(b"afterwards")
        assert note.read_bytes() == b"before"
    assert note.read_bytes() == b"afterwards"
    assert synced == [(10, False)]
    assert list(tmp_path.iterdir()) == [note]


def test_what_is_made_anew_anyway_is_not_waited_for(tmp_path: Path, synced: list[tuple[int, bool]]):
    note = tmp_path / "note"
    with written_whole(note, durable=False) as sink:
        sink.write(b"x")
    assert note.read_bytes() == b"x"
    assert synced == []


def test_a_writing_that_fails_leaves_what_was_there_and_the_next_one_succeeds(tmp_path: Path):
    note = tmp_path / "note"
    note.write_bytes(b"before")
    with pytest.raises(TypeError), written_whole(note, suffix="mine") as sink:
        sink.writelines([b"half", "no bytes"])
    assert note.read_bytes() == b"before"
    with written_whole(note, suffix="mine") as sink:
        sink.write(b"x")
    assert note.read_bytes() == b"x"
    assert list(tmp_path.iterdir()) == [note]


def test_a_new_file_is_durable_never_in_place_of_another_and_gone_where_it_fails(
    tmp_path: Path, synced: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
):
    note = tmp_path / "note"
    create_durably(note, b"first", 0o600)
    assert (synced, note.stat().st_mode & 0o777) == ([(5, True)], 0o600)
    with pytest.raises(FileExistsError):
        create_durably(note, b"second")
    assert note.read_bytes() == b"first"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("preservation.files.durable.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        create_durably(tmp_path / "other", b"x")
    assert list(tmp_path.iterdir()) == [note]


def test_the_names_in_a_folder_are_made_durable_by_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    of: list[Path] = []
    monkeypatch.setattr(
        "preservation.files.durable.os.fsync",
        lambda descriptor: of.append(Path(f"/proc/self/fd/{descriptor}").readlink()),
    )
    sync_folder(tmp_path)
    assert of == [tmp_path]


def test_one_open_file_at_a_time_has_the_lock_also_in_one_process(tmp_path: Path):
    place = tmp_path / "lock"
    with locked(place, mode=0o600) as first, locked(place, wait=False) as second:
        assert (first, second) == (True, False)
    with locked(place, wait=False) as third:
        assert third
    assert place.stat().st_mode & 0o777 == 0o600


HOLDER = """
import sys
from pathlib import Path
from preservation.files.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_gone_with_the_process_that_held_it_and_is_waited_for(tmp_path: Path):
    command = [sys.executable, "-c", HOLDER, tmp_path / "lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with locked(tmp_path / "lock", wait=False) as ours:
            assert not ours
        holder.kill()
        with locked(tmp_path / "lock") as ours:
            assert ours


def test_a_folder_can_be_locked_and_a_link_never_is(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("made")
    with locked(tmp_path / "folder", flags=FOLDER) as ours:
        descriptor = os.open(tmp_path / "folder", os.O_RDONLY)
        assert (ours, lock(descriptor, wait=False)) == (True, False)
    assert lock(descriptor, wait=False)
    os.close(descriptor)
    for link, flags in (("link", FOLDER), ("dangling", os.O_RDWR | os.O_CREAT)):
        with (
            pytest.raises(OSError, match=r"Not a directory|symbolic links"),
            locked(tmp_path / link, flags=flags),
        ):
            pass
    assert not (tmp_path / "made").exists()
