"""The running service while what it needs goes away and comes back: it waits, and goes on by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordeals.stream import that_settles_soon
from services import clamav
from services.clamav import Scanner
from services.fleets import Apart, apart
from services.small_disks import SmallDisk, small_disk
from support.archives import Archive
from support.clocks import Clock, settable_clock
from support.command_runs import near, until_intact
from support.flow_runs import installed

from flows.inboxes.queue.backlog import Backlog
from flows.installation.settings_file import load_settings

pytestmark = pytest.mark.in_prefect

_MORE = """
[[collection]]
name = "letters"
policy = "policies/scanned.toml"

[[area]]
path = "{share}"
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """The watcher's clock."""
    return settable_clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    """A clamd of the module's own, to be killed."""
    with clamav.scanning() as running:
        yield running


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """The disk that the whole installation lies on."""
    with small_disk(tmp_path_factory.mktemp("disk") / "small", "48m") as mounted:
        yield mounted


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A folder as its file server sees it, and where the service sees it, whom nobody notifies there."""
    folder, point = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("share")
    (folder / "inbox" / "files").mkdir(parents=True)
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        yield folder, folder
        return
    subprocess.run(["bindfs", folder, point], check=True)
    try:
        yield folder, point
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory,
    prefect_url: str,
    clock: Clock,
    scanner: Scanner,
    disk: SmallDisk,
    share: tuple[Path, Path],
) -> Iterator[Apart]:
    """A watcher and a worker; what comes to ``letters`` must be scanned."""
    archive = that_settles_soon(installed(disk.point / "archive", prefect_url), 1)
    policies = archive.directory / "policies"
    scanned = (policies / "bit-level.toml").read_text()
    (policies / "scanned.toml").write_text(scanned.replace("[intake]", '[intake]\nvirus_scan = "require"'))
    with (archive.directory / "muniment.toml").open("a") as file:
        file.write(_MORE.format(share=share[1]))
    told = {"MUNIMENT_SERVICE__PAUSES": "5,3600", "MUNIMENT_VIRUS__CLAMD": scanner.address}
    folder = tmp_path_factory.mktemp("told")
    with apart(archive, folder, workers=1, clock=clock, **told) as fleet:
        yield fleet


def drop(area: Path, collection: str, name: str, content: str = "Dear all\n") -> Path:
    """Put down a folder with a letter; return what tells that it is kept."""
    folder = area / "inbox" / collection / name
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text(content)
    return area / "accepted" / collection / f"{name}.kept.json"


def ends(archive: Archive) -> list[tuple[int, str]]:
    """Of each take that was given to runs: to how many, and how the last one ended."""
    tries = [one.attempts for one in Backlog(load_settings(archive.directory).areas).pending()]
    return [(one.runs, str(one.verdict or "")) for one in tries if one is not None]


@pytest.mark.soak
def test_a_drop_that_must_be_scanned_waits_for_the_scanner_and_is_kept_when_there_is_one(
    service: Apart, scanner: Scanner
):
    scanner.kill()
    kept = drop(service.archive.directory, "letters", "unscanned")
    service.until(lambda: ends(service.archive) == [(1, "interrupted")], "its end")
    scanner.start()
    service.until(kept.exists, "it is kept")


def test_a_drop_that_would_wait_for_an_hour_goes_on_when_a_person_retries_it(
    service: Apart, scanner: Scanner
):
    scanner.kill()
    kept = drop(service.archive.directory, "letters", "left")
    service.until(lambda: ends(service.archive) == [(2, "interrupted")], "it waits for an hour")
    scanner.start()
    assert service.archive.run("retry", "letters/left").returncode == 0
    service.until(kept.exists, "it is kept")


@pytest.mark.soak
def test_a_disk_that_runs_full_stops_everything_for_a_while_and_loses_nothing(
    service: Apart, disk: SmallDisk
):
    root = service.archive.directory
    early = [drop(root, "files", f"early-{number}", "word " * 20_000) for number in range(3)]
    ballast = disk.fill(leaving=0)
    time.sleep(6)
    assert not any(kept.exists() for kept in early)
    ballast.unlink()
    late = drop(root, "files", "late")
    for kept in (*early, late):
        service.until(kept.exists, "it is kept")
    until_intact(service.archive)
    assert service.archive.kept("first") == service.archive.kept("second")


@pytest.mark.soak
def test_a_clock_that_is_set_back_while_the_inboxes_are_watched_holds_up_nothing(
    service: Apart, clock: Clock
):
    root = service.archive.directory
    service.until(drop(root, "files", "before").exists, "it is kept")
    clock.set("-3h")
    time.sleep(1.5)
    after, again = drop(root, "files", "after"), drop(root, "files", "before", "Dear nobody\n")
    service.until(after.exists, "it is kept")
    service.until(again.with_name("before (2).kept.json").exists, "it is kept")
    clock.set("+0")
    until_intact(service.archive)
    versions = json.loads(near(service.archive).run("status", "files/before", "--json").stdout)["versions"]
    assert [version["object_version"] for version in versions] == [1, 2]


def test_an_inbox_that_notifies_nobody_is_looked_through_now_and_then(
    service: Apart, share: tuple[Path, Path]
):
    server, mounted = share
    if server == mounted:
        pytest.skip("no file system here keeps what changes to itself: apt-get install bindfs, as root")
    kept = drop(server, "files", "over-the-network")
    service.until(kept.exists, "it is kept")
    assert kept.with_name("over-the-network").joinpath("letter.txt").read_text() == "Dear all\n"
