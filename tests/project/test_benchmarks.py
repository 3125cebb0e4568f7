"""The harness of the benchmarks, end to end on tiny sets: what it measures there says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import write_report
from benchmarks.table import Breakdown, Row

PROJECT = Path(__file__).parents[2]


def measured(folder: Path, *arguments: str) -> str:
    """Run the harness once on tiny sets and return the report."""
    report = folder / "report.md"
    command = [sys.executable, "-m", "benchmarks", folder, "--tiny", "--rounds", "1", "--report", report]
    finished = subprocess.run(
        [*command, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return report.read_text()


def test_every_row_beside_the_peers_is_measured_alone(tmp_path: Path):
    report = measured(tmp_path, "--only", "validate", "--only", "identify")
    for work in ("validate, 20,000", "validate, 2,000", "validate, 40", "without second", "with second"):
        assert f"| {work}" in report or work in report
    assert "whole way," not in report


@pytest.mark.soak
def test_every_row_that_needs_an_installation_is_measured(tmp_path: Path):
    report = measured(tmp_path, "--only", "whole-way", "--only", "orchestration", "--only", "many-files")
    for work in (
        "| whole way, 40 x 50 MB |",
        "| whole way against one read",
        "| whole way, 20,000 x 4 KB |",
        "| orchestration of one submission",
        "| orchestration of 3 small submissions",
        "| peak memory, 100,000 x 1 KB",
        "| extra disk while one submission runs",
        "everything else",
    ):
        assert work in report
    assert " replicate " in report


@pytest.mark.parametrize(("figure", "verdict"), [(0.5, "met"), (0.51, "**missed**")])
def test_a_row_says_whether_its_target_is_met(figure: float, verdict: str):
    assert Row("work", "1 s", "2 s", figure, 0.5).cells[-1] == verdict


def test_the_report_is_written_between_its_marks_and_the_rest_of_the_page_stays(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text((PROJECT / "docs" / "performance.md").read_text())
    write_report(page, [Row("first", "1 s", "2 s", 0.5, 0.7)], rounds=5)
    write_report(page, [Row("second", "1 s", "2 s", 0.5, 0.7), Breakdown("x", 2.0, {"survey": 0.5})], 5)
    text = page.read_text()
    assert "| second |" in text
    assert "| first |" not in text
    assert "survey 0.50, everything else 1.50" in text
    assert text.startswith("# Performance")
    assert "## Where the time goes" in text
