"""The service as staff meet it: a folder is dropped slowly, waited for, kept, and answered in the folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services.workers import Service, asked, ended_run, kill, service
from support.archives import Archive
from support.command_runs import near, until_intact
from support.flow_runs import installed
from support.processes import command_of, descendants, lives
from support.waiting import until

from demonstration.drawing import photograph, save_scan
from flows.inboxes.report import read_inbox_report
from flows.installation.settings_file import load_settings

SETTLE = 2


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Archive:
    """An installation whose drops settle soon."""
    made = installed(tmp_path_factory.mktemp("service") / "archive", prefect_url)
    for file in (made.directory / "policies").glob("*.toml"):
        file.write_text(file.read_text().replace("[intake]\n", f"[intake]\nsettle = {SETTLE}\n"))
    bit_level = made.directory / "policies" / "bit-level.toml"
    bit_level.write_text(bit_level.read_text() + "\n[retention]\naccepted_days = 0\n")
    return made


@pytest.fixture(scope="module", autouse=True)
def up(archive: Archive) -> Iterator[Service]:
    """The service, running."""
    with service(archive, "up") as running:
        running.wait_for("watching the inboxes")
        yield running
        family = descendants(running.process.pid)
        running.ask_to_stop()
        assert running.ended() == 0, running.lines
        until(lambda: not any(map(lives, family)), "the end of all that it started")
    assert "Traceback" not in running.lines, running.lines


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "scanner"
    folder.mkdir()
    for number in range(3):
        save_scan(photograph((300, 200), number / 3), folder / f"page-{number}.tif", 300)
    return sorted(folder.iterdir())


def told(answers: Path) -> dict[str, Any]:
    return json.loads(answers.with_name(f"{answers.name}.receipt.json").read_text())


def journal(archive: Archive, name: str) -> list[str]:
    shown = near(archive).run("journal", "show", name, "--json").stdout.splitlines()
    return [json.loads(line)["event_type"] for line in shown]


def test_a_drop_is_waited_for_kept_and_answered_and_a_broken_one_comes_back_mended(
    archive: Archive, up: Service, pages: list[Path]
):
    inbox = archive.directory / "inbox" / "images"
    accepted, rejected = archive.directory / "accepted" / "images", archive.directory / "rejected" / "images"
    sheet = inbox / "sheet-012"
    sheet.mkdir()
    for page in pages:
        shutil.copy(page, sheet)
        time.sleep(0.7)
        assert sheet.exists(), "it was taken while the scanner wrote"
    until((accepted / "sheet-012.receipt.json").exists, up.lines)
    assert (accepted / "sheet-012.receipt.html").exists()
    assert sorted(path.name for path in (accepted / "sheet-012").iterdir()) == [page.name for page in pages]
    assert told(accepted / "sheet-012")["verdict"] == "stored"
    assert not sheet.exists()

    broken = inbox / "sheet-013"
    broken.mkdir()
    (broken / "page-0.tif").write_bytes(pages[0].read_bytes()[:-2000])
    shutil.copy(pages[1], broken)
    until((rejected / "sheet-013.receipt.json").exists, up.lines)
    assert told(rejected / "sheet-013")["verdict"] == "rejected"
    assert (rejected / "sheet-013" / "page-0.tif").stat().st_size == pages[0].stat().st_size - 2000
    assert not [key for key in archive.kept() if "sheet-013" in key]

    mended = rejected / "sheet-013"
    shutil.copy(pages[0], mended)
    mended.rename(inbox / "sheet-013")
    until((accepted / "sheet-013.receipt.json").exists, up.lines)
    assert [key for key in archive.kept() if key.startswith("images/sheet-013/v1/data")]
    assert journal(archive, "images/sheet-013").count("ingestion end") == 2
    until_intact(archive)


def test_what_waits_is_told_with_its_reason(archive: Archive, up: Service, pages: list[Path]):
    inbox = archive.directory / "inbox" / "images"
    sheet = inbox / "sheet-014"
    sheet.mkdir()
    shutil.copy(pages[0], sheet / "page-0.tif.part")
    settings = load_settings(archive.directory)

    def sentences() -> list[str]:
        found = read_inbox_report(settings)
        return [drop.sentence for drop in found.drops] if found else []

    until(lambda: any("page-0.tif.part" in sentence for sentence in sentences()), up.lines)
    time.sleep(2 * SETTLE)
    assert sheet.exists()
    (sheet / "page-0.tif.part").rename(sheet / "page-0.tif")
    until((archive.directory / "accepted" / "images" / "sheet-014").exists, up.lines)


def test_a_drop_that_waits_for_a_person_goes_on_when_somebody_approves(archive: Archive, up: Service):
    capture = archive.directory / "inbox" / "images" / "capture"
    capture.mkdir()
    # Nothing that PRONOM knows: the policy asks an archivist.
    (capture / "capture.raw8").write_bytes(bytes((place * 97 + 31) % 251 for place in range(9000)))

    def waiting() -> list[dict[str, Any]]:
        told = json.loads(near(archive).run("status", "--json").stdout)
        return [one for one in told["taken"] if one["verdict"] == "waiting"]

    until(lambda: bool(waiting()), up.lines)
    assert waiting()[0]["object"] == "images/capture"
    assert "images/capture" in near(archive).run("status").stdout
    why = ("--because", "raw capture", "--by", "Ada Lund")
    rehearsed = near(archive).run("approve", "images/capture", *why, "--dry-run")
    assert "would be approved" in rehearsed.stdout
    assert near(archive).run("approve", "images/nothing", *why).returncode == 6
    assert archive.run("approve", "images/capture", *why).returncode == 0
    until((archive.directory / "accepted" / "images" / "capture.receipt.json").exists, up.lines)
    story = near(archive).run("journal", "show", "images/capture").stdout
    assert "Ada Lund" in story
    assert "raw capture" in story


def test_what_is_accepted_is_removed_by_the_command_when_its_time_is_over(archive: Archive, up: Service):
    letter = archive.directory / "inbox" / "files" / "letter.txt"
    kept = archive.directory / "accepted" / "files" / "letter.txt"
    letter.write_text("Dear all")
    until(kept.with_name("letter.txt.receipt.json").exists, up.lines)
    rehearsed = near(archive).run("clear", "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["removed"] is False
    assert kept.exists()
    assert archive.run("clear").returncode == 0
    assert not kept.exists()
    until_intact(archive)


def test_a_worker_that_was_killed_is_started_again_and_takes_runs(
    archive: Archive, up: Service, ledger: Path
):
    ready = up.lines.count("is ready")
    worker = next(child for child in descendants(up.process.pid) if " worker " in command_of(child))
    kill(worker)
    up.wait_for("the worker ended (exit -9); it is started again in 1 s")
    up.wait_for("is ready", times=ready + 1)
    assert ended_run(archive, asked(archive, ledger)).state_name == "Stored", up.lines
