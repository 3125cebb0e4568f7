"""Disks that must not be written to, or that go away: each ends as *interrupted*, and then goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import Archive
from failing_prefect import at_stage
from running_flows import installed, preserved
from small_disks import small_disk

from preservation.model.verdicts import Verdict


@pytest.fixture
def archive(tmp_path: Path, prefect_url: str) -> Archive:
    return installed(tmp_path / "archive", prefect_url)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drops" / "ledger"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    return folder


def test_a_read_only_store_interrupts_and_it_goes_on_when_it_is_writable(archive: Archive, drop: Path):
    with small_disk(archive.store("second"), "8m") as disk:
        disk.remount("ro")
        told = preserved(archive, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert "store second" in told.ending.sentence
        assert "Read-only" in told.ending.sentence
        assert "mounted for writing" in told.ending.sentence
        disk.remount("rw")
        assert preserved(archive, drop).ending.verdict is Verdict.STORED
        assert archive.kept("first") == archive.kept("second")


def test_a_store_whose_disk_goes_midway_interrupts_and_its_mount_point_is_not_written_into(
    archive: Archive, drop: Path
):
    store, aside = archive.store("second"), archive.directory / "aside"

    def unmount() -> None:
        if not aside.exists():  # the stage is tried again
            store.rename(aside)
            store.mkdir()

    with at_stage("replicate", unmount):
        told = preserved(archive, drop)
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert "is no store" in told.ending.sentence
    assert "mount its disk" in told.ending.sentence
    assert list(store.iterdir()) == []
    store.rmdir()
    aside.rename(store)
    assert preserved(archive, drop).ending.verdict is Verdict.STORED
    assert archive.kept("first") == archive.kept("second")


@pytest.mark.parametrize("folder", ["processing", "receipts"])
def test_a_read_only_folder_of_ours_interrupts_and_is_named(archive: Archive, drop: Path, folder: str):
    with small_disk(archive.directory / folder, "1m") as disk:
        disk.remount("ro")
        told = preserved(archive, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert str(archive.directory / folder) in told.ending.sentence
        assert "mounted for writing" in told.ending.sentence
        disk.remount("rw")
        assert preserved(archive, drop).ending.verdict is Verdict.STORED
        assert archive.kept("first") == archive.kept("second")
