"""Which files are held open for writing, asked of real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.inboxes import terms
from support.surveys import drop

from preservation.settling import mounts
from preservation.settling.look import judge
from preservation.settling.settle import Moment, Settled, WaitingFor
from preservation.settling.writing import HeldOpen, Inode, file_held_in, held_for_writing

ASKING_AS_ANOTHER = """
import os
from preservation.settling.writing import held_for_writing
os.setgid(65534)
os.setuid(65534)
print(held_for_writing().unseen)
"""
HOLDING = "import sys; file = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def a_process_that_opens(path: Path, mode: str) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, path, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield
        process.communicate()


@pytest.mark.parametrize("mode", ["ab", "r+b", "wb"])
def test_a_file_that_another_process_writes_to_is_found(tmp_path: Path, mode: str):
    drop(tmp_path / "d", {"a.tif": b"1", "sub/b.tif": b"2"})
    with a_process_that_opens(tmp_path / "d/sub/b.tif", mode):
        held = held_for_writing()
        assert file_held_in(tmp_path / "d", held) == "sub/b.tif"
        assert file_held_in(tmp_path / "d/sub/b.tif", held) == ""
        assert file_held_in(tmp_path / "d/a.tif", held) is None
    assert file_held_in(tmp_path / "d", held_for_writing()) is None


def test_who_only_reads_is_no_writer(tmp_path: Path):
    drop(tmp_path / "d", {"a.tif": b"1"})
    with a_process_that_opens(tmp_path / "d/a.tif", "rb"):
        assert file_held_in(tmp_path / "d", held_for_writing()) is None


def test_a_file_is_found_by_whatever_name_it_was_opened(tmp_path: Path):
    drop(tmp_path, {"elsewhere/a.part": b"1"})
    with a_process_that_opens(tmp_path / "elsewhere/a.part", "ab"):
        (tmp_path / "elsewhere/a.part").rename(tmp_path / "elsewhere/a\udcff.tif")
        assert file_held_in(tmp_path / "elsewhere", held_for_writing()) == "a\udcff.tif"


def test_what_is_no_file_is_not_told(tmp_path: Path):
    reading, writing = os.pipe()
    with (tmp_path / "a").open("wb") as file, Path("/dev/null").open("wb"):
        held = held_for_writing()
        found = os.fstat(file.fileno())
        assert Inode(found.st_dev, found.st_ino) in held.inodes
        pipe = os.fstat(writing)
        assert Inode(pipe.st_dev, pipe.st_ino) not in held.inodes
        null = Path("/dev/null").stat()
        assert Inode(null.st_dev, null.st_ino) not in held.inodes
    os.close(reading)
    os.close(writing)


def test_a_number_on_another_device_is_another_file(tmp_path: Path):
    drop(tmp_path / "d", {"a.tif": b"1"})
    found = (tmp_path / "d/a.tif").stat()
    other = HeldOpen(frozenset({Inode(found.st_dev + 1, found.st_ino)}), 0)
    assert file_held_in(tmp_path / "d", other) is None
    assert file_held_in(tmp_path / "d/a.tif", other) is None


def test_a_share_is_asked_only_where_it_is_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mounts, "_AWAY", re.compile(".*"))
    with (tmp_path / "a").open("wb"):
        assert file_held_in(tmp_path, held_for_writing()) is None
        assert file_held_in(tmp_path, held_for_writing({tmp_path.stat().st_dev})) == "a"


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount namespace, which only root can")
def test_a_process_with_mounts_of_its_own_hides_nobody_elses_files(tmp_path: Path):
    drop(tmp_path, {"d/a.tif": b"1", "d/b.tif": b"1"})
    elsewhere = ["unshare", "--mount", "sh", "-c", "umount -l /proc; echo elsewhere >&2; cat"]
    with (
        (tmp_path / "d/a.tif").open("ab") as a,
        subprocess.Popen(elsewhere, stdin=subprocess.PIPE, stdout=a, stderr=subprocess.PIPE) as process,
        a_process_that_opens(tmp_path / "d/b.tif", "ab"),
    ):
        assert process.stderr is not None
        assert process.stderr.readline() == b"elsewhere\n"
        a.close()
        held = held_for_writing()
        assert file_held_in(tmp_path / "d/a.tif", held) == ""
        assert file_held_in(tmp_path / "d/b.tif", held) == ""
        process.communicate()


def test_a_drop_that_is_gone_is_held_by_nobody(tmp_path: Path):
    assert file_held_in(tmp_path / "gone", HeldOpen(frozenset({Inode(1, 1)}), 0)) is None


def test_processes_that_come_and_go_meanwhile_disturb_nothing(tmp_path: Path):
    ended = threading.Event()

    def starting_and_ending() -> None:
        while not ended.is_set():
            subprocess.run(["true"], check=True)

    thread = threading.Thread(target=starting_and_ending)
    thread.start()
    try:
        with (tmp_path / "a").open("wb"):
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                assert file_held_in(tmp_path, held_for_writing()) == "a"
    finally:
        ended.set()
        thread.join()


SCANNING = """
import sys, time
for page in range(2):
    with open(f"{sys.argv[1]}/page-{page}.tif", "wb", buffering=0) as file:
        for _ in range(3):
            file.write(b"pixels")
            time.sleep(0.05)
    time.sleep(0.2)
with open(f"{sys.argv[1]}/last.tif", "wb") as file:
    file.write(b"kept in memory until it is closed")
    time.sleep(2.5)
"""


def test_a_drop_is_settled_only_after_the_scanner_has_finished_however_long_it_pauses(tmp_path: Path):
    (tmp_path / "d").mkdir()
    policy = terms("settle = 1")
    waited_for = set()
    seen = None
    with subprocess.Popen([sys.executable, "-c", SCANNING, tmp_path / "d"]) as scanner:
        while True:
            standing = judge(tmp_path / "d", seen, policy, Moment(time.monotonic()), held_for_writing)
            assert standing is not None
            if isinstance(standing, Settled):
                break
            waited_for.add(standing.reason)
            seen = standing.seen
            time.sleep(0.1)
        assert scanner.wait() == 0
    assert standing.seen.files == 3
    assert standing.seen.bytes == 2 * 3 * len("pixels") + len("kept in memory until it is closed")
    assert {WaitingFor.GROWTH, WaitingFor.QUIET, WaitingFor.WRITER} <= waited_for


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_processes_that_must_not_be_looked_into_are_counted(tmp_path: Path):
    (tmp_path / "a").touch()
    with a_process_that_opens(tmp_path / "a", "ab"):
        asked = subprocess.run(
            [
                sys.executable,
                "-c",
                ASKING_AS_ANOTHER,
            ],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[4],
        )
    assert int(asked.stdout) > 0
