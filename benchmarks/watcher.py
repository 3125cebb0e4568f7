"""What it costs to watch drops that are never complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.installation import AS_THE_PEERS, MUNIMENT, new_installation
from benchmarks.processes import cpu_seconds, peak_memory
from benchmarks.service import SETTLE_SECONDS, stop, wait_until
from flows.inboxes.report import read_inbox_report
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.orchestration.server import prefect_api
from preservation.settling.settle import WaitingFor

_HERE = Path(__file__).parent
_COLLECTION = "waiting"
_NEVER_COMPLETE = f'\n[intake]\nsettle = {SETTLE_SECONDS}\ncomplete_when = "sentinel"\n'


@dataclass(frozen=True, slots=True)
class Sweep:
    """A look at every file: seconds of wall and of processor time."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class AtRest:
    """What a watcher costs to which nothing happens: percent of a core, and its peak memory in bytes."""

    percent: float
    peak: int


@contextmanager
def watched(work: Path, drops: Path) -> Iterator[Settings]:
    """Give the settings of an installation in whose inbox the drops are for as long as the context lasts."""
    directory = new_installation(work / "watching")
    (directory / "policies" / "never-complete.toml").write_text(AS_THE_PEERS.read_text() + _NEVER_COMPLETE)
    with (directory / "muniment.toml").open("a") as settings:
        settings.write(f'\n[[collection]]\nname = "{_COLLECTION}"\npolicy = "policies/never-complete.toml"\n')
    inbox = directory / "inbox" / _COLLECTION
    drops.rename(inbox)
    try:
        yield load_settings(directory)
    finally:
        inbox.rename(drops)


def sweeps(settings: Settings, rounds: int) -> Sweep:
    """Return the medians of so many first sweeps, each of a process of its own."""
    command = [sys.executable, _HERE / "one_sweep.py", settings.directory]
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    told = [
        Sweep(
            **json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
        )
        for _ in range(rounds)
    ]
    return Sweep(median(one.wall for one in told), median(one.cpu for one in told))


def at_rest(settings: Settings, drops: int, seconds: float) -> AtRest:
    """Run ``muniment watch``; when it waits for nothing but sentinels, see what it takes for so long."""
    with (
        prefect_api(settings),
        (settings.directory / "watch.log").open("wb") as told,
        subprocess.Popen([MUNIMENT, "watch", "-C", settings.directory], stdout=told, stderr=told) as process,
    ):
        try:
            wait_until(
                lambda: _is_at_rest(settings, process.pid, drops), "all drops wait for their sentinels"
            )
            cpu, began = cpu_seconds(process.pid), time.monotonic()
            time.sleep(seconds)
            cpu = cpu_seconds(process.pid) - cpu
            return AtRest(100 * cpu / (time.monotonic() - began), peak_memory(process.pid))
        finally:
            stop(process)


def _is_at_rest(settings: Settings, watcher: int, drops: int) -> bool:
    told = read_inbox_report(settings)
    if told is None or told.by.pid != watcher or told.waiting != drops:
        return False
    return all(drop.reason == WaitingFor.SENTINEL.value for drop in told.drops)
