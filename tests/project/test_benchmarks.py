"""The harness of the benchmarks, end to end on tiny sets: what it measures there says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measuring import run
from benchmarks.report import Part, write_report
from benchmarks.stage_times import REGISTER, Span, orchestration_within
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
def test_what_a_contract_adds_to_decoding_is_measured(tmp_path: Path):
    report = measured(tmp_path, "--only", "gate")
    for kind in ("LZW", "JPEG", "uncompressed"):
        assert f"against decoding alone, 1,000 pages of 24 MP, {kind} |" in report


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


@pytest.mark.soak
def test_audits_are_measured_beside_who_else_reads_and_have_a_table_of_their_own(tmp_path: Path):
    report = measured(tmp_path, "--only", "audits", "--only", "audit-workers")
    for work in (
        "audit, 20,000 x 4 KB, cold, in a warm process |",
        "audit, 2,000 x 50 KB, cold |",
        "audit against openssl dgst on each core, 20,000 x 4 KB, cold |",
        "audit against hashlib on each core, 40 x 50 MB, cold |",
        "two workers on a core each against one on one |",
        "share of their time |",
    ):
        assert work in report
    assert "measured, audits: begin" in report
    assert "measured, ingest" not in report


@pytest.mark.soak
def test_audits_of_a_bucket_and_of_very_many_files_are_measured(tmp_path: Path):
    report = measured(tmp_path, "--only", "audit-bucket", "--only", "audit-million")
    assert "| audit of a bucket against its objects got and hashed, 2,000 x 50 KB |" in report
    assert "1,000,000 x 100 bytes in one package" in report


@pytest.mark.soak
def test_every_row_of_the_running_service_is_measured(tmp_path: Path):
    report = measured(tmp_path, "--only", "watching", "--only", "flow-start", "--only", "service")
    for work in (
        "| one sweep, 100,000 files in 1,000 waiting drops |",
        "| watching at rest, 100,000 files",
        "peak memory of the watcher |",
        "| from settled to the start of the flow run, longest |",
        "| 3 drops of 10 x 100 KB through the service: share of the wall time",
        "| 3 drops of 10 x 100 KB through the service: flow runs |",
        "its flow runs together | ",
    ):
        assert work in report
    # Noted by the flow runs themselves, each in a process of the service.
    assert "survey " in report
    assert "replicate " in report


def test_only_time_in_which_nobody_works_is_orchestration_and_registering_is_no_work():
    work = [
        Span("survey", 1.0, 3.0),
        Span("survey", 2.0, 4.0),
        Span("screen", 2.5, 3.0),
        Span(REGISTER, 4.0, 5.0),
        Span("receipts", 6.0, 9.0),
    ]
    assert orchestration_within(work, 0.0, 8.0) == 1.0 + 2.0
    assert orchestration_within(work, 3.5, 10.0) == 2.0 + 1.0
    assert orchestration_within([], 1.0, 3.0) == 2.0


def test_the_memory_of_a_command_is_its_own_and_not_that_of_who_measures_it():
    small = [sys.executable, "-c", "pass"]
    ours = bytearray(200 << 20)
    ours[:: 1 << 12] = b"*" * len(ours[:: 1 << 12])
    assert run([small]).peak < 100
    large = [sys.executable, "-c", "b'*' * (200 << 20)"]
    assert run([small, large]).peak > 200


@pytest.mark.parametrize(("figure", "verdict"), [(0.5, "met"), (0.51, "**missed**")])
def test_a_row_says_whether_its_target_is_met(figure: float, verdict: str):
    assert Row("work", "1 s", "2 s", figure, 0.5).cells[-1] == verdict


def test_the_report_is_written_between_its_marks_and_the_rest_of_the_page_stays(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text((PROJECT / "docs" / "performance.md").read_text())
    write_report(page, [Row("first", "1 s", "2 s", 0.5, 0.7)], rounds=5)
    write_report(page, [Row("second", "1 s", "2 s", 0.5, 0.7), Breakdown("x", 2.0, {"survey": 0.5})], 5)
    write_report(page, [Row("third", "1 s", "2 s", 0.5, 0.7)], 5, Part.AUDITS)
    text = page.read_text()
    assert "| third |" in text
    assert "| second |" in text
    assert "| first |" not in text
    assert "survey 0.50, everything else 1.50" in text
    assert text.startswith("# Performance")
    assert "## Where the time goes" in text
