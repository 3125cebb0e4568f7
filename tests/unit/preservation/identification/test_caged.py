from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.identifications import noise

from preservation.identification.caged import (
    NOT_IDENTIFIED,
    CagedIdentifier,
    identifying_workers,
)
from preservation.identification.identify import WITHOUT_NAME, Identifier
from preservation.model.paths import RelativePath
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

LIMITS = Limits(address_space=2 << 30)


class File(NamedTuple):
    path: RelativePath
    size: int = 1


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CagedWorkers]:
    with identifying_workers(LIMITS, 2, [tmp_path_factory.getbasetemp()]) as pool:
        yield pool


def files(root: Path) -> list[File]:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return [File(RelativePath(str(path.relative_to(root))), path.stat().st_size) for path in found]


def drop_of_many_kinds(root: Path) -> list[File]:
    contents = {
        "plain.txt": b"words\n",
        "table.csv": b"a,b\n",
        "empty.tif": b"",
        "unknown": noise(9000),
        "picture.jpg": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50 + b"IEND\xaeB`\x82",
        "日本.txt": b"words\n",
        "line\nfeed.csv": b"a,b\n",
        os.fsdecode(b"b\xe4ume.txt"): b"trees\n",
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return files(root)


@pytest.mark.parametrize("second_opinion", [True, False])
def test_the_answers_are_those_of_the_engines_in_process(
    tmp_path: Path,
    workers: CagedWorkers,
    second_opinion: bool,  # noqa: FBT001  pytest gives parameters
):
    dropped = drop_of_many_kinds(tmp_path)
    batches = [dropped[:3], [], dropped[3:4], dropped[4:]]

    caged = CagedIdentifier(workers, second_opinion=second_opinion)
    here = Identifier(second_opinion=second_opinion)

    assert list(caged.identify(tmp_path, batches)) == list(here.identify(tmp_path, batches))
    assert caged.releases == here.releases


def test_a_name_that_is_not_utf8_is_identified_without_it(tmp_path: Path, workers: CagedWorkers):
    path = tmp_path / os.fsdecode(b"b\xe4ume.csv")
    path.write_bytes(b"trees\n")

    found = CagedIdentifier(workers).identify_file(path, 6)

    assert found.decided == "x-fmt/111"
    assert WITHOUT_NAME in found.warnings


def test_a_path_may_be_longer_than_the_system_takes(tmp_path: Path, workers: CagedWorkers):
    folders = ["f" * 250] * 20
    folder = os.open(tmp_path, os.O_RDONLY)
    for name in folders:
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    descriptor = os.open("table.csv", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder)
    os.write(descriptor, b"a,b\n")
    os.close(descriptor)
    os.close(folder)

    batch = [File(RelativePath("/".join([*folders, "table.csv"])))]
    ((found,),) = CagedIdentifier(workers).identify(tmp_path, [batch])

    assert found.decided == "x-fmt/18"


def test_a_path_may_begin_where_the_caller_stands(
    tmp_path: Path, workers: CagedWorkers, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "table.csv").write_bytes(b"a,b\n")
    monkeypatch.chdir(tmp_path)

    ((found,),) = CagedIdentifier(workers).identify(Path("drop"), [[File(RelativePath("table.csv"))]])

    assert found.decided == "x-fmt/18"


def test_files_that_only_we_may_read_are_identified(tmp_path: Path, workers: CagedWorkers):
    tmp_path.chmod(0o700)
    (tmp_path / "secret.csv").write_bytes(b"a,b\n")
    (tmp_path / "secret.csv").chmod(0o400)

    found = CagedIdentifier(workers).identify_file(tmp_path / "secret.csv", 4)

    assert found.decided == "x-fmt/18"


def test_a_pipe_that_took_a_files_place_keeps_nothing_waiting(tmp_path: Path):
    for name in ("before.csv", "table.csv"):
        (tmp_path / name).write_bytes(b"a,b\n")
    os.mkfifo(tmp_path / "pipe.csv")
    batches = [[File(RelativePath(name)) for name in ("before.csv", "pipe.csv", "table.csv")]]

    with identifying_workers(Limits(address_space=2 << 30), 1, [tmp_path]) as pool:
        ((before, pipe, table),) = CagedIdentifier(pool).identify(tmp_path, batches)

    assert before.decided == table.decided == "x-fmt/18"
    assert (pipe.decided, pipe.warnings) == (None, ("it cannot be opened: it is no plain file",))


def stopped_worker(pool: CagedWorkers) -> None:
    """Start the pool's one worker, and have it do nothing any more."""
    assert len(CagedIdentifier(pool).releases) == 3
    (worker,) = pool._idle
    os.kill(worker.pid, signal.SIGSTOP)


def test_engines_that_are_kept_for_ever_harm_no_file_of_their_batch(tmp_path: Path):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")

    with identifying_workers(Limits(address_space=2 << 30, wall_seconds=8), 1, [tmp_path]) as pool:
        stopped_worker(pool)
        ((first, second),) = CagedIdentifier(pool).identify(tmp_path, [[File(RelativePath("table.csv"))] * 2])

    assert first.decided == second.decided == "x-fmt/18"


def test_a_large_file_is_given_more_time(tmp_path: Path):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")

    with identifying_workers(Limits(address_space=2 << 30, wall_seconds=0.5), 1, [tmp_path]) as pool:
        stopped_worker(pool)
        started = time.monotonic()
        found = CagedIdentifier(pool).identify_file(tmp_path / "table.csv", 32 << 20)

    assert time.monotonic() - started > 2
    assert found.warnings == (f"{NOT_IDENTIFIED} it needs more time than it may take, which is 2.5 s",)


def test_a_process_killed_from_outside_costs_no_file_its_answer(tmp_path: Path):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")

    with identifying_workers(LIMITS, 1, [tmp_path]) as pool:
        identifier = CagedIdentifier(pool)
        assert len(identifier.releases) == 3
        (worker,) = pool._idle
        os.kill(worker.pid, signal.SIGKILL)
        ((first, second),) = identifier.identify(tmp_path, [[File(RelativePath("table.csv"))] * 2])

    assert first.decided == second.decided == "x-fmt/18"


def test_a_limit_that_is_too_low_for_the_engines_makes_no_file_unknown(tmp_path: Path):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")

    with identifying_workers(Limits(address_space=256 << 20), 1, [tmp_path]) as pool:
        found = CagedIdentifier(pool).identify_file(tmp_path / "table.csv", 4)

    assert found.decided == "x-fmt/18"


def test_a_link_that_took_a_folders_place_leads_to_nothing(tmp_path: Path):
    drop, secret = tmp_path / "drop", tmp_path / "secret"
    for folder in (drop, secret):
        folder.mkdir()
    (secret / "key.bin").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50 + b"IEND\xaeB`\x82")
    (drop / "scans").symlink_to(secret)

    with identifying_workers(LIMITS, 1, [drop]) as pool:
        ((found,),) = CagedIdentifier(pool).identify(drop, [[File(RelativePath("scans/key.bin"))]])

    assert found.decided is None
    assert "Not a directory" in " ".join(found.warnings)


def test_what_identifies_cannot_write_and_is_not_root(tmp_path: Path, workers: CagedWorkers):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")
    CagedIdentifier(workers).identify_file(tmp_path / "table.csv", 4)

    (worker, *_) = workers._idle
    status = Path(f"/proc/{worker.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert fields["Seccomp"] == "2"
    assert fields["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert set(fields["Uid"].split()) == {"65534"}
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 1 << 2


def test_a_worker_starts_whatever_number_its_channel_has_in_the_process_that_starts_it(project: Path):
    program = (
        "import os, socket\n"
        "from preservation.identification.caged import CagedIdentifier, identifying_workers\n"
        "from preservation.identification.links import SLOT\n"
        "from preservation.tools.limits import Limits\n"
        "while os.open('/dev/null', os.O_RDONLY) < SLOT - 2: pass\n"
        "pairs = socket.socketpair; seen = []\n"
        "def pair():\n"
        "    made = pairs(); seen.append(made[1].fileno()); return made\n"
        "socket.socketpair = pair\n"
        "with identifying_workers(Limits(), 1, []) as pool: assert CagedIdentifier(pool).releases\n"
        "assert SLOT in seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)
