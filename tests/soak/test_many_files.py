"""100,000 files in one submission, by the command: how long it takes, how much memory, how much disk."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from ordeals.crash_trees import alive_below
from support.archives import MUNIMENT, Archive

from benchmarks.corpora import Corpora

FILES = 100_000
_SAMPLE_SECONDS = 1.0
_MB = 1 << 20

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * 60)]


class Watch:
    """Looks at a run once a second: memory of the process and of its children, disk of the installation."""

    def __init__(self, pid: int, archive: Archive) -> None:
        self._pid = pid
        self._archive = archive
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.own_peak = self.children_peak = self.disk_peak = 0
        self._thread.start()

    def end(self) -> None:
        """Look no longer."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        before = _disk(self._archive)
        while not self._over.wait(_SAMPLE_SECONDS):
            children = sum(_memory(pid, "VmRSS:") for pid in alive_below(self._pid) - {self._pid})
            self.own_peak = max(self.own_peak, _memory(self._pid, "VmHWM:"))
            self.children_peak = max(self.children_peak, children)
            self.disk_peak = max(self.disk_peak, _disk(self._archive) - before)


def test_100_000_files_in_one_submission_are_kept(
    archive: Archive, tmp_path: Path, record_property: Callable[[str, object], None]
):
    drop = Corpora(tmp_path).made("100,000 x 1 KB")
    command = [MUNIMENT, "preserve", drop, "--as", "many", "-c", "files", "-C", archive.directory]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (tmp_path / "told").open("w+") as told:
        running = subprocess.Popen(command, env=archive.environment, stdout=told, stderr=subprocess.STDOUT)
        watch = Watch(running.pid, archive)
        running.wait()
        watch.end()
        told.seek(0)
        assert running.returncode == 0, told.read()
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    payload = sum(file.stat().st_size for file in drop.rglob("*") if file.is_file())
    record_property(
        "many",
        {
            "files": f"{FILES:,}",
            "seconds": f"{seconds:,.0f}",
            "CPU seconds": f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:,.0f}",
            "peak memory, the command (MB)": f"{watch.own_peak / _MB:,.0f}",
            "peak memory, what it started, summed (MB)": f"{watch.children_peak / _MB:,.0f}",
            "payload (MB)": f"{payload / _MB:,.0f}",
            "peak extra disk, without the stores (MB)": f"{watch.disk_peak / _MB:,.0f}",
        },
    )
    bag = archive.store("first") / "files" / "many" / "v1"
    subprocess.run([MUNIMENT, "validate", bag], check=True, capture_output=True)
    assert sum(1 for file in (bag / "data" / "originals").rglob("*") if file.is_file()) == FILES
    assert archive.run("journal", "verify").returncode == 0


def _memory(pid: int, field: str) -> int:
    """Return a figure of ``/proc/PID/status`` in bytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) << 10
    return 0


def _disk(archive: Archive) -> int:
    """Return the bytes that the installation takes on disk, its stores left out."""
    taken = 0
    for folder, below, files in os.walk(archive.directory):
        if "stores" in below:
            below.remove("stores")
        for name in files:
            with suppress(FileNotFoundError):
                taken += os.lstat(f"{folder}/{name}").st_blocks * 512
    return taken
