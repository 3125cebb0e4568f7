"""SIGKILL, for real, in every stage: run again, the drop is kept once, and the journal tells it once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.archives import MUNIMENT, Archive
from support.command_runs import near

from demonstration.drawing import photograph, save_scan
from flows.submission.stages.order import STAGES

PAGES = 6


@pytest.fixture
def archive(installation: Archive) -> Archive:
    return near(installation)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    drop = tmp_path / "drops" / "sheet-012"
    drop.mkdir(parents=True)
    for number in range(PAGES):
        save_scan(photograph((750, 500), number / PAGES), drop / f"page_{number:03d}.bmp", 300)
    return drop


def killed_in(stage: str, archive: Archive, scans: Path) -> None:
    """Start preserving, and kill the whole process tree a moment after ``stage`` began."""
    command = [MUNIMENT, "preserve", scans, "--collection", "images", "-C", archive.directory]
    with subprocess.Popen(
        command,
        env=archive.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.rstrip().endswith(f"images/sheet-012: {stage}"):
                break
        else:
            pytest.fail(f"the stage {stage} never began")
        time.sleep(0.03)
        os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL


@pytest.mark.in_prefect
@pytest.mark.parametrize(
    "stage",
    [
        # The others in make soak; test_killed_at_random.py falls into some of them each time.
        *(
            stage if stage == "replicate" else pytest.param(stage, marks=pytest.mark.soak)
            for stage in (*STAGES, "answer")
        ),
    ],
)
def test_killed_in_a_stage_it_goes_on_and_is_kept_exactly_once(stage: str, archive: Archive, scans: Path):
    killed_in(stage, archive, scans)
    [told] = archive.preserve(scans)
    assert told["verdict"] in {"stored", "already-kept"}, told
    assert told["object_version"] == 1
    kept = archive.kept("first")
    assert kept == archive.kept("second")
    assert {key.split("/")[2] for key in kept} == {"v1"}
    assert sum("/data/originals/" in key for key in kept) == PAGES
    for store in ("first", "second"):
        bag = archive.store(store) / "images" / "sheet-012" / "v1"
        subprocess.run([sys.executable, "-m", "bagit", "--validate", bag], check=True, capture_output=True)
    assert archive.run("journal", "verify").returncode == 0
    story = Counter(
        json.loads(line)["event_type"]
        for line in archive.run("journal", "show", "--json").stdout.splitlines()
    )
    assert story["accession"] == 1
    assert story["replication"] == 2
    assert story["normalization"] == 1
