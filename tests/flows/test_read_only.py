"""Disks that must not be written to, or that go away: each ends as *interrupted*, and then goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.failing_prefect import at_stage
from services.small_disks import small_disk
from support.archives import Archive
from support.flow_runs import preserved

from preservation.model.verdicts import Verdict


def test_a_read_only_store_interrupts_and_it_goes_on_when_it_is_writable(installation: Archive, ledger: Path):
    with small_disk(installation.store("second"), "8m") as disk:
        disk.remount("ro")
        told = preserved(installation, ledger)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert "store second" in told.ending.sentence
        assert "Read-only" in told.ending.sentence
        assert "mounted for writing" in told.ending.sentence
        disk.remount("rw")
        assert preserved(installation, ledger).ending.verdict is Verdict.STORED
        assert installation.kept("first") == installation.kept("second")


def test_a_store_whose_disk_goes_midway_interrupts_and_its_mount_point_is_not_written_into(
    installation: Archive, ledger: Path
):
    store, aside = installation.store("second"), installation.directory / "aside"

    def unmount() -> None:
        if not aside.exists():  # the stage is tried again
            store.rename(aside)
            (store / ".incoming").mkdir(parents=True)

    with at_stage("replicate", unmount):
        told = preserved(installation, ledger)
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert "does not hold the identity of this store" in told.ending.sentence
    assert "mount its disk" in told.ending.sentence
    assert [path.name for path in store.rglob("*")] == [".incoming"]
    (store / ".incoming").rmdir()
    store.rmdir()
    aside.rename(store)
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED
    assert installation.kept("first") == installation.kept("second")


@pytest.mark.parametrize("folder", ["processing", "receipts"])
def test_a_read_only_folder_of_ours_interrupts_and_is_named(installation: Archive, ledger: Path, folder: str):
    with small_disk(installation.directory / folder, "1m") as disk:
        disk.remount("ro")
        told = preserved(installation, ledger)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert str(installation.directory / folder) in told.ending.sentence
        assert "mounted for writing" in told.ending.sentence
        disk.remount("rw")
        assert preserved(installation, ledger).ending.verdict is Verdict.STORED
        assert installation.kept("first") == installation.kept("second")
