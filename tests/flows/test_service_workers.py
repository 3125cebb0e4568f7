"""Two workers of one installation: one is killed, the other takes over; and one that has no time to drain."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ordeals.stream import that_settles_soon
from ordeals.stream_proofs import runs_not_ended
from services.fleets import Apart, apart
from support.archives import MUNIMENT, Archive
from support.waiting import until

pytestmark = pytest.mark.in_prefect


def hide_second_store(archive: Archive) -> Path:
    """Let the second store be away, so that a run comes to replication and waits there."""
    return archive.store("second").rename(archive.directory / "away")


def drop(archive: Archive, name: str) -> Path:
    """Put down a letter; return what tells that it is kept."""
    (archive.directory / "inbox" / "files" / name).write_text("Dear all\n")
    return archive.directory / "accepted" / "files" / f"{name}.kept.json"


def in_hand(archive: Archive, fleet: Apart, name: str) -> str:
    """Wait until a worker has the drop in hand; return which."""
    fleet.until(
        (archive.directory / "processing/files" / name / "events-package.jsonl").exists, "its package"
    )
    begun = f"Beginning flow run 'preserve files/{name}'"
    [worker] = [member.name for member in fleet.members if begun in member.lines]
    return worker


@pytest.mark.soak
def test_of_two_workers_one_stands_in_for_the_killed_one_and_ends_in_good_order_without_time_to_drain(
    installation: Archive, tmp_path: Path
):
    that_settles_soon(installation, 1)
    hurry = {"MUNIMENT_RETRIES__STORES": "120", "MUNIMENT_SERVICE__DRAIN_SECONDS": "1"}
    with apart(installation, tmp_path, **hurry) as fleet:
        fleet.wait_for("is ready", times=2)
        away = hide_second_store(installation)
        kept = drop(installation, "letter")
        first = in_hand(installation, fleet, "letter")
        os.kill(fleet.by_name(first).pid, signal.SIGKILL)
        began = time.monotonic()
        away.rename(installation.store("second"))
        fleet.until(kept.exists, "the other one keeps it")
        assert time.monotonic() - began < 45
        assert installation.kept("first") == installation.kept("second")
        assert not fleet.by_name(first).lives

        hide_second_store(installation)
        kept = drop(installation, "answer")
        second = in_hand(installation, fleet, "answer")
        assert second != first
        began = time.monotonic()
        assert fleet.by_name(second).end(signals=1) == 0
        assert time.monotonic() - began < 30
        assert not kept.exists()
        assert len(list((installation.directory / "processing" / ".taken").iterdir())) == 1
        fleet.until(lambda: not runs_not_ended(fleet.api_url(), installation), "its run is told as ended")


def test_a_worker_starts_without_a_home_and_where_the_folder_that_prefect_would_use_is_somebody_elses(
    installation: Archive, tmp_path: Path
):
    nobody = ["unshare", "--user", "--map-user=23456", "--map-group=23456", "--", "env", "--unset=HOME"]
    if subprocess.run([*nobody, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no account can be made up here: unshare(1) is not allowed")
    (tmp_path / "runner_storage").write_text("No folder of ours.")
    told = tmp_path / "told"
    with told.open("wb") as output:
        worker = subprocess.Popen(
            [*nobody, MUNIMENT, "worker", "-C", installation.directory],
            env={**installation.environment, "TMPDIR": str(tmp_path)},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: "is ready" in told.read_text() or worker.poll() is not None, "it is ready")
    finally:
        worker.terminate()
        assert worker.wait(60) == 0, told.read_text()
    assert "home directory" not in told.read_text()
