"""Damaged copies of sound images: where the format's own library finds fault, so do we; sound ones pass.

A few copies of each; ``make soak`` makes more.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.damage import FAMILIES, Tally, absent_programs, flagged, said_by_us, trial
from support.images import drawn, images_of_many_kinds

from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

SEED = "everyday masters"


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=2 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("masters")
    for name, content in images_of_many_kinds().items():
        (folder / name).write_bytes(content)
    if shutil.which("cjpeg") and shutil.which("opj_compress"):
        # What no library here encodes: arithmetic coding, and packets that begin with markers.
        drawn().save(folder / "drawn.ppm")
        for command in (
            ["cjpeg", "-arithmetic", "-outfile", "arithmetic.jpg", "drawn.ppm"],
            ["opj_compress", "-i", "drawn.ppm", "-o", "packets.jp2", "-SOP", "-t", "128,128", "-r", "8,2"],
        ):
            subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return sorted(path for path in folder.iterdir() if path.suffix in FAMILIES)


def test_no_sound_image_is_called_damaged(masters: list[Path], workers: CagedWorkers):
    reports = zip(masters, said_by_us(masters, workers), strict=True)
    assert {master.name: flagged(report) for master, report in reports if flagged(report)} == {}


def test_where_a_library_finds_fault_with_a_damaged_copy_so_do_we(
    masters: list[Path], workers: CagedWorkers, tmp_path: Path
):
    tallies = trial(masters, tmp_path, workers, each=1, seed=SEED)
    together = Tally()
    for tally in tallies.values():
        together.copies += tally.copies
        together.libraries += tally.libraries
        together.ours += tally.ours
    absent = absent_programs()
    print(  # noqa: T201  a figure
        f"{together.copies} damaged copies: {together.libraries} flagged by libraries, "
        f"{together.ours} by us; not asked, because not installed: {absent or 'none'}"
    )
    assert [missed for tally in tallies.values() for missed in tally.missed] == []
    assert together.ours > together.copies // 2
    if absent:
        pytest.skip(f"only in part: install {' '.join(absent)}")
