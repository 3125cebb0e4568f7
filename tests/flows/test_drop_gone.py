"""The disk that a drop lies on goes away midway: nothing is judged, and it goes on when the disk is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from services.failing_prefect import at_stage
from services.small_disks import MountedFolder, mounted_folder
from support.archives import Archive
from support.flow_runs import preserved, preserved_together

from demonstration.drawing import photograph, save_scan
from flows.submission.answer import SubmissionResult
from preservation.model.verdicts import Verdict

READING_STAGES = {
    "survey": "the drop itself",
    "screen": "the folder above",
    "normalize": "the drop itself",
    "replicate": "the folder above",
}
"""What the disk is that is taken away in each stage that reads the drop."""


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, MountedFolder]]:
    """A disk for each of these stages, that is a drop called as the stage, or has one."""
    with ExitStack() as mounted:
        disks = {}
        for stage, what in READING_STAGES.items():
            there = tmp_path / "disks" / stage
            drop = there if what == "the drop itself" else there / stage
            drop.mkdir(parents=True)
            for number in range(2):
                save_scan(photograph((120, 90), number / 3), drop / f"page {number}.bmp", 300)
            point = tmp_path / "drops" / stage if drop == there else tmp_path / "usb" / stage
            disks[stage] = mounted.enter_context(mounted_folder(there, point))
        yield disks


def drop_on(stage: str, disk: MountedFolder) -> Path:
    return disk.point if READING_STAGES[stage] == "the drop itself" else disk.point / stage


@contextmanager
def taken_away_at(stage: str, disk: MountedFolder) -> Iterator[None]:
    """Take the disk away when ``stage`` begins for the first time."""

    def take_away() -> None:
        if disk.is_mounted:  # the stage is tried again
            disk.unmount()

    with at_stage(stage, take_away):
        yield
    assert not disk.is_mounted


def require_interrupted(told: SubmissionResult, drop: Path) -> None:
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert str(drop) in told.ending.sentence
    assert "mount its disk again" in told.ending.sentence
    assert told.issues == ()


def test_a_drop_whose_disk_goes_is_interrupted_not_rejected_and_goes_on_when_it_is_back(
    installation: Archive, disks: dict[str, MountedFolder]
):
    # In one run, of which each stage takes one more disk away.
    drops = {stage: drop_on(stage, disk) for stage, disk in disks.items()}
    with ExitStack() as taken_away:
        for stage, disk in disks.items():
            taken_away.enter_context(taken_away_at(stage, disk))
        results = preserved_together(installation, *drops.values(), collection="images")
    for told, drop in zip(results, drops.values(), strict=True):
        require_interrupted(told, drop)
    assert installation.kept("first") == installation.kept("second") == {}
    for disk in disks.values():
        disk.mount()
    for told in preserved_together(installation, *drops.values(), collection="images"):
        assert (told.ending.verdict, told.ending.files) == (Verdict.STORED, 2), told.ending
    assert installation.kept("first") == installation.kept("second")


def test_what_was_done_is_not_given_up_for_the_empty_mount_point(installation: Archive, tmp_path: Path):
    (tmp_path / "disk").mkdir()
    save_scan(photograph((320, 240), 0.5), tmp_path / "disk" / "page.bmp", 300)
    with mounted_folder(tmp_path / "disk", tmp_path / "drops" / "sheet") as disk:
        with taken_away_at("replicate", disk):
            preserved(installation, disk.point, "images")
        require_interrupted(preserved(installation, disk.point, "images"), disk.point)
        disk.mount()
        stages: list[str] = []
        with at_stage("survey", lambda: stages.append("survey")):
            assert preserved(installation, disk.point, "images").ending.verdict is Verdict.STORED
        assert stages == []


def test_an_empty_folder_that_was_always_empty_and_a_link_that_leads_nowhere_are_rejected(
    installation: Archive, tmp_path: Path
):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for told in preserved_together(
        installation, tmp_path / "nothing", tmp_path / "link", collection="images"
    ):
        assert told.ending.verdict is Verdict.REJECTED, told.ending


def test_a_drop_that_is_one_file_and_goes_is_interrupted_and_one_of_which_a_part_goes_is_rejected_as_changed(
    installation: Archive, ledger: Path, tmp_path: Path
):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear brother\n")

    def gone() -> None:
        letter.unlink(missing_ok=True)
        (ledger / "page 1.txt").unlink(missing_ok=True)

    with at_stage("replicate", gone):
        interrupted, changed = preserved_together(installation, letter, ledger)
    assert interrupted.ending.verdict is Verdict.INTERRUPTED, interrupted.ending
    assert "the drop" in interrupted.ending.sentence
    assert changed.ending.verdict is Verdict.REJECTED, changed.ending
    assert "changed" in changed.ending.sentence
