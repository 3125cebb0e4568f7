"""Scans and photographs that others collected, which are good: no measure of a page finds a fault in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.policies import a_policy
from support.screenings import screened

from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

GOOD = (
    "pillow/Tests/images/pport_g4.tif",
    "pillow/Tests/images/total-pages-zero.tif",
    "exampletiffs/poppies.tif",
    "format-corpus/jp2k-test/resolution/balloon_gm.jp2",
    "format-corpus/tiff-examples/old-style-jpeg-compression/old-style-jpeg-compression.tif",
    "bagit-profiles-validator/fixtures/test-bar/data/8199237780_495a29796e_o.jpg",
    "archivematica-sampledata/SampleTransfers/Dataverse/XRayScansOfPolyodonSpathula/P1010007.JPG",
)
POLICY = "".join(
    f'[[screen]]\ncheck = "{check}"\noutcome = "reject"\nbecause = "B."\n'
    for check in ("decodable-images", "page-content")
)


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(cpu_seconds=30), 2, JOB_MODULES) as pool:
        yield pool


def test_good_scans_have_no_finding_with_the_defaults(corpora: Path, tmp_path: Path, workers: CagedWorkers):
    root = tmp_path / "drop"
    root.mkdir()
    for number, name in enumerate(GOOD):
        shutil.copy(corpora / name, root / f"{number}{Path(name).suffix}")
    results = screened(root, workers, policy=a_policy(POLICY))
    found = {
        path: [issue.message for issue in result.issues if issue.code.startswith("PAG")]
        for path, result in results.items()
    }
    assert len(found) == len(GOOD)
    assert {path: messages for path, messages in found.items() if messages} == {}
