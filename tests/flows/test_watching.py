"""The watching part of the service against people and programs that really write, slowly and in fits."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest
from support.forks import FORK, forked
from support.inbox_watch import watching
from support.takes import contents, takes_in
from support.waiting import until

from flows.inboxes.report import read_inbox_report
from flows.inboxes.service import InboxService
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation that takes what has kept still for two seconds; files and images have an inbox."""
    directory = tmp_path / "archive"
    make_installation(directory)
    for policy in (directory / "policies").glob("*.toml"):
        before = policy.read_text()
        assert "\n[intake]\n" in before
        policy.write_text(before.replace("\n[intake]\n", "\n[intake]\nsettle = 2\n"))
    settings = directory / "muniment.toml"
    settings.write_text(settings.read_text().replace("[service]\n", "[service]\nsweep = 1\n"))
    return directory


def scan(drop: Path, seed: int) -> None:
    """Write pages as a scanner does: piece by piece, with pauses of many lengths."""
    source = random.Random(seed)  # noqa: S311  the same writer for the same number
    drop.mkdir()
    for number in range(source.randrange(3, 6)):
        with (drop / f"page {number}.tif").open("wb", buffering=0) as page:
            for _ in range(source.randrange(1, 4)):
                page.write(source.randbytes(2000))
                time.sleep(source.choice([0.01, 0.05, 0.3]))
        time.sleep(source.choice([0.01, 0.2, 0.8]))
    (drop / "last.txt").write_text("that was all")


def copy_like_rsync(drop: Path, seed: int) -> None:
    """Write each file under a name of its own with a dot before and a random end, then rename it."""
    source = random.Random(seed)  # noqa: S311  the same writer for the same number
    drop.mkdir()
    for number in range(4):
        partial = drop / f".page {number}.tif.Ab{number}xYz"
        with partial.open("wb", buffering=0) as page:
            page.write(source.randbytes(3000))
            # For longer than is waited, and nothing changes meanwhile.
            time.sleep(2.6 if number == 1 else 0.1)
        partial.rename(drop / f"page {number}.tif")
    (drop / "last.txt").write_text("that was all")


def copy_then_rename(drop: Path, _seed: int) -> None:
    """Write a whole folder under another name, then give it its own."""
    partial = drop.with_name(f"{drop.name}.part")
    partial.mkdir()
    for number in range(5):
        (partial / f"page {number}.tif").write_bytes(b"page " * 100)
        time.sleep(0.4)
    (partial / "last.txt").write_text("that was all")
    partial.rename(drop)


def hold_open(drop: Path, _seed: int) -> None:
    """Write a page, and keep it open for longer than is waited before the rest comes."""
    drop.mkdir()
    with (drop / "page 1.tif").open("wb", buffering=0) as page:
        page.write(b"the first half")
        time.sleep(3.5)
        page.write(b" and the second")
        (drop / "last.txt").write_text("that was all")


def test_nothing_is_taken_before_its_writer_is_done_and_everything_is_then(installed: Path):
    inbox = installed / "inbox/files"
    writers = [
        forked(write, inbox / f"{write.__name__}-{seed}", seed)
        for write, seeds in ((scan, 6), (copy_like_rsync, 2), (copy_then_rename, 2), (hold_open, 2))
        for seed in range(seeds)
    ]
    settings = load_settings(installed)
    with watching(settings) as taken:
        for writer in writers:
            writer.start()
        until(lambda: len(taken) == len(writers))
        for writer in writers:
            writer.join()

    assert [writer.exitcode for writer in writers] == [0] * len(writers)
    for take in taken:
        pages = contents(take.path)
        assert pages["last.txt"] == b"that was all", f"{take.name} was taken too early"
        assert take.files == len(pages), f"{take.name} went on after it was taken"
    assert list(inbox.iterdir()) == []
    assert list(takes_in(settings.areas[0])) == sorted(taken, key=lambda take: take.id)


def test_what_waits_can_be_read_while_the_service_watches(installed: Path):
    settings = load_settings(installed)
    for name in ("sheet.part", "stray.txt"):
        (installed / "inbox" / ("files" if name == "sheet.part" else "") / name).touch()
    (installed / "inbox/files/empty").mkdir()
    (installed / "inbox/unheard_of").mkdir()
    assert read_inbox_report(settings) is None

    with watching(settings):
        until(lambda: read_inbox_report(settings))
        told = read_inbox_report(settings)

    assert told is not None
    assert [(drop.collection, drop.sentence) for drop in told.drops] == [
        ("files", "waiting: there is nothing in it yet")
    ]
    assert {Path(entry.path).name for entry in told.passed_over} == {"sheet.part", "stray.txt", "unheard_of"}
    assert told.by.pid == os.getpid()
    assert (installed / "inbox/images").is_dir()


def test_a_policy_that_becomes_unsound_stops_its_own_collection_only(installed: Path):
    (installed / "policies/bit-level.toml").write_text("nonsense")
    (installed / "inbox/files/sheet").mkdir()
    (installed / "inbox/images/sheet").mkdir()
    (installed / "inbox/images/sheet/page.tif").touch()
    settings = load_settings(installed)

    with watching(settings) as taken:
        until(lambda: taken)

    assert [str(take.object_id) for take in taken] == ["images/sheet"]
    told = read_inbox_report(settings)
    assert told is not None
    assert [Path(fault.path).name for fault in told.faults] == ["files"]


def test_another_area_has_inboxes_as_soon_as_its_share_is_there(installed: Path, tmp_path: Path):
    share = tmp_path / "share"
    share.mkdir()
    with (installed / "muniment.toml").open("a") as settings_file:
        settings_file.write(f'\n[[area]]\npath = "{share}"\n')
    settings = load_settings(installed)

    with watching(settings) as taken:
        until(lambda: read_inbox_report(settings))
        told = read_inbox_report(settings)
        assert told is not None
        assert [fault.path for fault in told.faults] == [str(share)]
        assert list(share.iterdir()) == []
        (share / "inbox").mkdir()
        until((share / "inbox/files").is_dir)
        (share / "inbox/files/letter.txt").write_text("Dear")
        until(lambda: taken)

    assert taken[0].path.is_relative_to(share)


def watch(directory: Path, stopped: threading.Event) -> None:
    """In a process of its own: watch."""
    InboxService(load_settings(directory), lambda _: None).run(stopped)


def test_eight_services_watch_one_inbox_and_every_drop_is_taken_once(installed: Path):
    stopped = FORK.Event()
    services = [forked(watch, installed, stopped) for _ in range(8)]
    for service in services:
        service.start()
    inbox = installed / "inbox/files"
    for number in range(200):
        drop = inbox / f"drop-{number}"
        drop.mkdir()
        (drop / "page.txt").write_text(str(number))
    until(lambda: not any(inbox.iterdir()))
    stopped.set()
    for service in services:
        service.join()

    settings = load_settings(installed)
    taken = list(takes_in(settings.areas[0]))
    assert sorted(take.name for take in taken) == sorted(f"drop-{number}" for number in range(200))
    assert len({take.by.pid for take in taken}) > 1
    assert len(list(settings.areas[0].taken.iterdir())) == 200
