"""A run of several drops that one of them brings down: the others have their verdicts, and it is named."""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import Archive
from support.command_runs import near

from flows.orchestration.child_process import run_in_children
from flows.submission import steps
from flows.submission.answer import RunResult, interrupted
from flows.submission.drop import DropRequest


@pytest.fixture
def archive(installation: Archive) -> Archive:
    return near(installation, in_prefect=True)


def a_drop(folder: Path, name: str) -> Path:
    drop = folder / name
    drop.mkdir(parents=True)
    (drop / "letter.txt").write_text(f"Dear {name}\n")
    return drop


def cut_short_while_mapped() -> None:
    """Read a mapped file of which another process cut the end: the kernel sends SIGBUS."""
    faulthandler.disable()
    with open("cut", "w+b") as file:  # noqa: PTH123  in the folder of the process
        file.write(b"x" * mmap.PAGESIZE)
        file.flush()
        with mmap.mmap(file.fileno(), mmap.PAGESIZE, access=mmap.ACCESS_READ) as mapped:
            os.truncate(file.fileno(), 0)
            mapped[0]


def out_of_memory() -> None:
    """End as the kernel ends a process when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.in_prefect
@pytest.mark.parametrize(
    "fault", [cut_short_while_mapped, pytest.param(out_of_memory, marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("stage", ["survey", pytest.param("replicate", marks=pytest.mark.soak)])
def test_a_drop_that_brings_its_run_down_takes_no_verdict_from_the_others(
    fault: Callable[[], None], stage: str, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drops = [a_drop(tmp_path / "drops", name) for name in ("one", "poison", "two")]
    run_one = steps._run_one
    monkeypatch.chdir(tmp_path)

    def falls(of: object, workspace: object, installation: object) -> object:
        if of.name == stage and workspace.submission.object.name == "poison":  # type: ignore[attr-defined]
            fault()
        return run_one(of, workspace, installation)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "_run_one", falls)
    finished = archive.run("preserve", *drops, "--collection", "files")
    name = "SIGBUS" if fault is cut_short_while_mapped else "SIGKILL"
    assert finished.returncode == 6
    assert f"the run of 3 drops was ended by {name}; each of them has its own run now" in finished.stderr
    assert finished.stdout.count("STORED") == 2
    assert "INTERRUPTED  files/poison" in finished.stdout
    assert f"Its run was ended from outside ({name})" in finished.stdout
    monkeypatch.undo()
    again = archive.preserve(*drops, collection="files")
    assert [one["verdict"] for one in again] == ["already-kept", "stored", "already-kept"]


def test_what_a_run_raises_in_its_process_is_printed_and_interrupts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    one, two = (DropRequest(a_drop(tmp_path, name), "files", name) for name in ("one", "two"))

    def run(drops: list[DropRequest]) -> RunResult:
        if two in drops:
            raise MemoryError
        return RunResult([interrupted(drop, "It waits.") for drop in drops], "The journal is broken.", 4)

    result = run_in_children(run, [one, two])
    assert [each.object for each in result.results] == ["files/one", "files/two"]
    assert "exit code 1" in result.results[1].ending.sentence
    assert (result.fault, result.exit_code) == ("The journal is broken.", 4)
    assert "MemoryError" in capfd.readouterr().err
