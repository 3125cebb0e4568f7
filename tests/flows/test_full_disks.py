"""No space left, for real, on every disk that a submission writes to: nothing is lost, and it goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import preserved

from demonstration.drawing import photograph, save_scan
from preservation.model.verdicts import Verdict

PAGES = 6
PAGE_BYTES = 300_000


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drops" / "ledger"
    folder.mkdir(parents=True)
    for number in range(PAGES):
        (folder / f"page {number}.bin").write_bytes(os.urandom(PAGE_BYTES))
    return folder


@pytest.fixture
def installation(installation: Archive) -> Archive:
    """One whose second store has nothing: what its guide takes would count on so small a disk."""
    for name in ("README.txt", "verify.py"):
        (installation.store("second") / name).unlink()
    shutil.rmtree(installation.store("second") / "_journal")
    return installation


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_kept_once(installation: Archive, drop: Path, before: dict[str, bytes]) -> None:
    assert tree(drop) == before
    assert installation.kept("first") == installation.kept("second")
    start = "files/ledger/v1/data/originals/"
    kept = installation.kept()
    assert {key.removeprefix(start): kept[key] for key in kept if key.startswith(start)} == before
    assert {key.split("/")[2] for key in kept} == {"v1"}


def test_a_store_that_fills_up_interrupts_and_it_goes_on_when_there_is_room(
    installation: Archive, drop: Path
):
    before = tree(drop)
    # Room for the pages, by their sizes, and not for all that a package is besides.
    with small_disk(installation.store("second"), f"{PAGES * PAGE_BYTES + 8192}") as disk:
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert "store second" in told.ending.sentence
        assert "make room in the store" in told.ending.sentence
        assert told.receipt is not None
        assert "make room in the store" in told.receipt.read_text()
        assert not any("tagmanifest" in key for key in installation.kept("second"))
        assert list((installation.store("second") / ".incoming").iterdir()) == []
        disk.remount("size=16m")
        assert preserved(installation, drop).ending.verdict is Verdict.STORED
        assert_kept_once(installation, drop, before)
        assert near(installation).run("journal", "verify").returncode == 0


def test_a_drop_that_cannot_fit_into_its_stores_is_told_before_anything_is_begun(
    installation: Archive, drop: Path
):
    with small_disk(installation.store("second"), f"{PAGES * PAGE_BYTES - 8192}") as disk:
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert "store second has 1.8 MB free" in told.ending.sentence
        assert "nothing was begun" in told.ending.sentence
        assert installation.kept("first") == installation.kept("second") == {}
        assert not (installation.directory / "processing" / "files" / "ledger").exists()
        disk.remount("size=16m")
        assert preserved(installation, drop).ending.verdict is Verdict.STORED


@pytest.mark.parametrize("left", [0, pytest.param(8192, marks=pytest.mark.soak), 20480])
def test_a_full_working_area_interrupts_even_where_the_end_cannot_be_written_down(
    installation: Archive, drop: Path, left: int
):
    before = tree(drop)
    processing = installation.directory / "processing"
    with small_disk(processing, "1m") as disk:
        ballast = disk.fill(leaving=left)
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert str(processing) in told.ending.sentence
        assert "free space there" in told.ending.sentence.lower()
        assert installation.kept("first") == installation.kept("second") == {}
        ballast.unlink()
        assert preserved(installation, drop).ending.verdict is Verdict.STORED
        assert_kept_once(installation, drop, before)


def test_a_full_disk_of_receipts_interrupts_and_the_next_run_answers(installation: Archive, drop: Path):
    before = tree(drop)
    with small_disk(installation.directory / "receipts", "1m") as disk:
        ballast = disk.fill(leaving=0)
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert str(installation.directory / "receipts") in told.ending.sentence
        assert "free space there" in told.ending.sentence
        ballast.unlink()
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.STORED
        assert told.receipt is not None
        assert told.receipt.is_file()
        assert_kept_once(installation, drop, before)


def test_a_full_disk_of_access_copies_interrupts_and_the_next_run_hands_them_over(
    installation: Archive, tmp_path: Path
):
    drop = tmp_path / "drops" / "sheet"
    drop.mkdir(parents=True)
    save_scan(photograph((640, 420), 0.4), drop / "recto.tif", 300)
    access = installation.directory / "access"
    with small_disk(access, "1m") as disk:
        ballast = disk.fill(leaving=0)
        told = preserved(installation, drop, "images")
        assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
        assert str(access) in told.ending.sentence
        ballast.unlink()
        assert preserved(installation, drop, "images").ending.verdict is Verdict.STORED
        assert [path.suffix for path in access.rglob("recto.*")] == [".jpg"]


def test_a_full_disk_of_the_database_interrupts_and_names_it(installation: Archive, drop: Path):
    before = tree(drop)
    with small_disk(installation.directory / "state", "8m") as disk:
        ballast = disk.fill(leaving=0)
        told = preserved(installation, drop)
        assert told.ending.verdict is Verdict.INTERRUPTED
        assert "muniment.db: no space is left" in told.ending.sentence
        assert installation.kept("first") == installation.kept("second") == {}
        ballast.unlink()
        assert preserved(installation, drop).ending.verdict is Verdict.STORED
        assert_kept_once(installation, drop, before)
