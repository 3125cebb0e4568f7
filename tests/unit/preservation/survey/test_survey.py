from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from support.surveys import UNIDENTIFIED, Incurious, drop, md5, surveyed

from preservation.identification.identify import Identifier
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.paths import RelativePath
from preservation.model.submissions import DropKind, Received
from preservation.survey.reading import ReadFile, read_once
from preservation.survey.survey import survey
from preservation.survey.walk import FoundFile, walk


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 7])
def test_all_digests_are_those_of_the_bytes(tmp_path: Path, size: int):
    content = os.urandom(size)
    drop(tmp_path, {"scan.tif": content})

    (file,) = surveyed(tmp_path, tuple(Algorithm))

    assert isinstance(file, SurveyedFile)
    assert file.size == size
    assert file.digests == {
        algorithm: hashlib.new(algorithm.value, content).hexdigest() for algorithm in Algorithm
    }
    assert file.identification is UNIDENTIFIED


@pytest.mark.parametrize("threads", [1, 4])
def test_entries_come_in_the_order_of_the_walk_however_many_read(tmp_path: Path, threads: int):
    drop(tmp_path, {f"{number % 7}/{number:04}.tif": b"x" * (number % 3000) for number in range(900)})
    drop(tmp_path, {"3/large.tif": b"x" * (20 << 20)})
    (tmp_path / "3" / "link").symlink_to("elsewhere")

    found = list(surveyed(tmp_path, threads=threads))

    assert [entry.path for entry in found] == [entry.path for entry in walk(tmp_path)]
    assert len(found) == 902


def test_each_byte_is_read_once_for_all_digests_together(tmp_path: Path):
    drop(tmp_path, {f"{number}.tif": os.urandom(1 << 20) for number in range(16)})
    list(surveyed(tmp_path, tuple(Algorithm)))

    before = _bytes_read_by_this_process()
    list(surveyed(tmp_path, tuple(Algorithm)))

    assert 16 << 20 <= _bytes_read_by_this_process() - before < 17 << 20


def _bytes_read_by_this_process() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path):
    for folder in range(20):
        (tmp_path / f"{folder}").mkdir()
        for number in range(150):
            (tmp_path / f"{folder}" / f"{number:06}-a-name-as-long-as-names-are.tif").touch()

    tracemalloc.start()
    try:
        count = sum(1 for _ in surveyed(tmp_path, threads=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 3_000
    assert peak < 3 << 19


def test_a_file_that_changed_since_it_was_found_is_told(tmp_path: Path):
    drop(tmp_path, {"scan.tif": b"123"})
    (found,) = walk(tmp_path)
    assert isinstance(found, FoundFile)
    drop(tmp_path, {"scan.tif": b"1234"})

    entry = read_once(tmp_path, found, [Algorithm.SHA256], bytearray(10))

    assert isinstance(entry, IrregularEntry)
    assert entry.kind is EntryKind.CHANGED
    assert "3 bytes when it was found, 4 when it was read" in entry.detail


def test_a_file_that_is_written_again_with_the_same_size_is_told(tmp_path: Path):
    drop(tmp_path, {"scan.tif": b"123"})
    (found,) = walk(tmp_path)
    assert isinstance(found, FoundFile)
    os.utime(tmp_path / "scan.tif", ns=(1, 1))

    entry = read_once(tmp_path, found, [Algorithm.SHA256], bytearray(10))

    assert isinstance(entry, IrregularEntry)
    assert entry.kind is EntryKind.CHANGED


def test_a_file_that_became_a_link_or_a_pipe_is_not_read(tmp_path: Path):
    for name in ("link", "pipe"):
        drop(tmp_path, {name: b"123"})
    found = [entry for entry in walk(tmp_path) if isinstance(entry, FoundFile)]
    for name in ("link", "pipe"):
        (tmp_path / name).unlink()
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")

    (link, pipe) = (read_once(tmp_path, entry, [Algorithm.SHA256], bytearray(10)) for entry in found)

    assert isinstance(link, IrregularEntry)
    assert link.kind is EntryKind.UNREADABLE
    assert isinstance(pipe, IrregularEntry)
    assert pipe.kind is EntryKind.CHANGED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_may_not_be_read_is_told_with_the_reason():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        drop(root, {"closed.tif": b"1", "open.tif": b"2"})
        (root / "closed.tif").chmod(0)
        os.seteuid(65534)
        try:
            (closed, readable) = surveyed(root)
        finally:
            os.seteuid(0)

    assert isinstance(closed, IrregularEntry)
    assert (closed.kind, closed.detail) == (EntryKind.UNREADABLE, "Permission denied")
    assert isinstance(readable, SurveyedFile)


def test_a_file_whose_path_is_too_long_for_one_call_is_read_and_identified_by_its_extension(tmp_path: Path):
    name = "n" * 200
    root = tmp_path / name / name
    root.mkdir(parents=True)
    here = os.open(root, os.O_RDONLY)
    for _ in range(19):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    descriptor = os.open("list.csv", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(descriptor, b"a;b\n1;2\n")
    os.close(descriptor)
    os.close(here)

    received = Received(DropKind.FOLDER, root)
    (file,) = survey(received, algorithms=[Algorithm.MD5], identifier=Identifier(), threads=1)

    assert isinstance(file, SurveyedFile)
    assert len(f"{root}/{file.path}") > 4096
    assert file.digests[Algorithm.MD5] == md5(b"a;b\n1;2\n")
    assert file.identification.decided == "x-fmt/18"


def test_a_drop_of_one_file_is_surveyed_alone(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"1", "b.tif": b"2"})

    received = Received(DropKind.FILE, tmp_path, RelativePath("b.tif"))
    (file,) = survey(received, algorithms=[Algorithm.MD5], identifier=Incurious(), threads=1)

    assert isinstance(file, SurveyedFile)
    assert (file.path, file.digests) == ("b.tif", {Algorithm.MD5: md5(b"2")})


def test_a_survey_that_is_left_early_leaves_no_thread_behind(tmp_path: Path):
    drop(tmp_path, {f"{number:04}.tif": b"x" for number in range(2000)})
    before = threading.active_count()

    entries = surveyed(tmp_path)
    assert len(list(islice(entries, 10))) == 10
    entries.close()  # type: ignore[attr-defined]

    assert threading.active_count() == before


def test_what_was_read_says_when_it_was_last_written(tmp_path: Path):
    drop(tmp_path, {"scan.tif": b"123"})
    os.utime(tmp_path / "scan.tif", ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    (found,) = walk(tmp_path)
    assert isinstance(found, FoundFile)

    entry = read_once(tmp_path, found, [Algorithm.MD5], bytearray(1))

    assert isinstance(entry, ReadFile)
    assert entry.modified == 1_700_000_000_123_456_789


def test_whoever_watches_is_told_of_every_file_and_byte_that_was_read(tmp_path: Path):
    drop(tmp_path, {"empty": b"", "small": b"abc", "large": bytes(9 << 20)})
    told: list[tuple[int, int]] = []
    received = Received(DropKind.FOLDER, tmp_path)
    list(
        survey(
            received,
            algorithms=[Algorithm.SHA256],
            identifier=Incurious(),
            threads=2,
            progress=lambda files, size: told.append((files, size)),
        )
    )
    assert [sum(figures) for figures in zip(*told, strict=True)] == [3, (9 << 20) + 3]
    # Of a large file it is told in the midst of it.
    assert len(told) > 9
