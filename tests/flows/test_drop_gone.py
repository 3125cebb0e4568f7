"""The disk that a drop lies on goes away midway: nothing is judged, and it goes on when the disk is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from services.failing_prefect import at_stage
from services.small_disks import MountedFolder, mounted_folder
from support.archives import Archive
from support.flow_runs import preserved

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
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MountedFolder]:
    """A disk that is a drop called ``sheet``, or has one."""
    there = tmp_path / "disk"
    drop = there if request.param == "the drop itself" else there / "sheet"
    drop.mkdir(parents=True)
    for number in range(3):
        save_scan(photograph((320, 240), number / 3), drop / f"page {number}.bmp", 300)
    point = tmp_path / "drops" / "sheet" if drop == there else tmp_path / "usb"
    with mounted_folder(there, point) as mounted:
        yield mounted


def drop_on(disk: MountedFolder) -> Path:
    return disk.point if disk.point.name == "sheet" else disk.point / "sheet"


@contextmanager
def taken_away_at(stage: str, disk: MountedFolder) -> Iterator[None]:
    """Take the disk away when ``stage`` begins for the first time."""

    def take_away() -> None:
        if disk.is_mounted:  # the stage is tried again
            disk.unmount()

    with at_stage(stage, take_away):
        yield
    assert not disk.is_mounted


def require_interrupted(told: SubmissionResult, disk: MountedFolder) -> None:
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert str(drop_on(disk)) in told.ending.sentence
    assert "mount its disk again" in told.ending.sentence
    assert told.issues == ()


@pytest.mark.parametrize(("stage", "disk"), READING_STAGES.items(), indirect=["disk"])
def test_a_drop_whose_disk_goes_is_interrupted_not_rejected_and_goes_on_when_it_is_back(
    installation: Archive, disk: MountedFolder, stage: str
):
    drop = drop_on(disk)
    with taken_away_at(stage, disk):
        told = preserved(installation, drop, "images")
    require_interrupted(told, disk)
    assert installation.kept("first") == installation.kept("second") == {}
    disk.mount()
    told = preserved(installation, drop, "images")
    assert (told.ending.verdict, told.ending.files) == (Verdict.STORED, 3), told.ending
    assert installation.kept("first") == installation.kept("second")


def test_what_was_done_is_not_given_up_for_the_empty_mount_point(installation: Archive, tmp_path: Path):
    (tmp_path / "disk").mkdir()
    save_scan(photograph((320, 240), 0.5), tmp_path / "disk" / "page.bmp", 300)
    with mounted_folder(tmp_path / "disk", tmp_path / "drops" / "sheet") as disk:
        with taken_away_at("replicate", disk):
            preserved(installation, disk.point, "images")
        require_interrupted(preserved(installation, disk.point, "images"), disk)
        disk.mount()
        stages: list[str] = []
        with at_stage("survey", lambda: stages.append("survey")):
            assert preserved(installation, disk.point, "images").ending.verdict is Verdict.STORED
        assert stages == []


def test_an_empty_folder_that_was_always_empty_is_rejected(installation: Archive, tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    told = preserved(installation, tmp_path / "nothing", "images")
    assert told.ending.verdict is Verdict.REJECTED, told.ending


def test_a_link_that_leads_nowhere_is_rejected(installation: Archive, tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    told = preserved(installation, tmp_path / "link", "images")
    assert told.ending.verdict is Verdict.REJECTED, told.ending


def test_a_drop_that_is_one_file_and_goes_is_interrupted(installation: Archive, tmp_path: Path):
    drop = tmp_path / "letter.txt"
    drop.write_text("Dear brother\n")
    with at_stage("replicate", lambda: drop.unlink(missing_ok=True)):
        told = preserved(installation, drop)
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert "the drop" in told.ending.sentence


def test_a_drop_of_which_only_a_part_goes_is_rejected_as_changed(installation: Archive, ledger: Path):
    with at_stage("replicate", (ledger / "page 1.txt").unlink):
        told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.REJECTED, told.ending
    assert "changed" in told.ending.sentence
