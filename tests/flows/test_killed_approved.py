"""SIGKILL, aimed, while an approved drop is preserved: the same command again ends with it kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ordeals.crash_trees import Run, cold_start
from support.archives import Archive
from support.command_runs import near
from support.waiting import until

APPROVED = ("--approve", "raw capture of the Xerxes camera", "--by", "Ada Lund")


@pytest.fixture
def archive(installation: Archive) -> Archive:
    return near(installation)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A drop of no known format, about which a person is asked."""
    drop = tmp_path / "drops" / "capture"
    drop.mkdir(parents=True)
    (drop / "capture.raw8").write_bytes(bytes((place * 97 + 31) % 251 for place in range(9000)))
    return drop


def folder_of(archive: Archive) -> Path:
    return archive.directory / "processing" / "images" / "capture"


def is_approved(archive: Archive) -> bool:
    return (folder_of(archive) / "approval.jsonl").exists()


def has_version(archive: Archive) -> bool:
    return (folder_of(archive) / "number.jsonl").exists()


def has_replicas(archive: Archive) -> bool:
    return (folder_of(archive) / "replicas.jsonl").exists()


def is_answered(archive: Archive) -> bool:
    return not folder_of(archive).exists()


@pytest.mark.parametrize(
    "reached",
    [
        is_answered,
        *(pytest.param(one, marks=pytest.mark.soak) for one in (is_approved, has_version, has_replicas)),
    ],
)
def test_an_approved_drop_whose_run_was_killed_is_kept_by_the_same_command(
    reached: Callable[[Archive], bool], archive: Archive, capture: Path, tmp_path: Path
):
    assert archive.preserve(capture)[0]["verdict"] == "waiting"
    said = tmp_path / "said"
    said.mkdir()
    command = ["preserve", capture, "--collection", "images", *APPROVED, "-C", archive.directory]
    run: Run = cold_start(command, archive.environment, said)
    until(lambda: reached(archive) or run.ended(), "the instant to kill it in")
    run.kill()
    finished = archive.run("preserve", capture, "--collection", "images", *APPROVED)
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout.startswith(("ALREADY-KEPT", "STORED"))
    assert {key.split("/")[2] for key in archive.kept()} == {"v1"}
    assert archive.kept() == archive.kept("second")
    assert archive.run("journal", "show", "--json").stdout.count('"event_type":"accession"') == 1


def test_an_approved_drop_that_is_kept_is_asked_about_again_only_with_something_new_in_it(
    archive: Archive, capture: Path
):
    archive.preserve(capture)
    [told] = archive.preserve(capture, more=APPROVED)
    assert told["verdict"] == "stored"
    before = archive.kept()
    [told] = archive.preserve(capture)
    assert (told["verdict"], told["object_version"]) == ("already-kept", 1)
    rehearsed = archive.run("preserve", capture, "--collection", "images", "--dry-run")
    assert (rehearsed.returncode, "would be ALREADY-KEPT" in rehearsed.stdout) == (0, True)
    assert archive.kept() == before
    (capture / "another.raw8").write_bytes(bytes((place * 89 + 7) % 251 for place in range(9000)))
    assert archive.preserve(capture)[0]["verdict"] == "waiting"
