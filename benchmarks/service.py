"""``muniment up`` with a Prefect of its own, in an installation made for measuring."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.installation import MUNIMENT, new_installation
from benchmarks.leavings import Leavings
from benchmarks.stage_notes import NOTES_VARIABLE, noted_in
from benchmarks.stage_times import Span
from flows.installation.server_secret import server_secret

SETTLE_SECONDS = 1
COLLECTION = "files"
_HERE = Path(__file__).parent
_PATIENCE_SECONDS = 900
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 60
_MOST_RUNS = 200
_GOES_ON = ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A flow run that has ended, in seconds of the monotonic clock.

    ``asked`` is when Prefect was asked for it, ``fetched`` when a worker had it.
    """

    asked: float
    fetched: float
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Drops that were put into the inbox, by their names there; ``settled`` is when all of them were."""

    names: frozenset[str]
    settled: float


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. ``server`` is the process of its Prefect."""

    directory: Path
    api_url: str
    server: int
    notes: Path
    leavings: Leavings

    def drop(self, drops: Sequence[Path]) -> Dropped:
        """Put copies of the drops into the inbox under new names, each by one rename."""
        staged = self.directory / "staged"
        copies = [Path(shutil.copytree(drop, staged / f"drop-{uuid4().hex}")) for drop in drops]
        os.sync()
        self.notes.unlink(missing_ok=True)
        for copy in copies:
            copy.rename(self.directory / "inbox" / COLLECTION / copy.name)
        return Dropped(frozenset(copy.name for copy in copies), time.monotonic() + SETTLE_SECONDS)

    def last_answer(self, dropped: Dropped) -> float:
        """Wait until all of the drops are accepted; return when the last one was."""
        accepted = self.directory / "accepted" / COLLECTION
        answers = [accepted / f"{name}.kept.json" for name in dropped.names]
        wait_until(lambda: all(answer.exists() for answer in answers), "all drops are accepted")
        # The answer gets its name by a rename, which is the last that its inode sees.
        return max(answer.stat().st_ctime for answer in answers) - _epoch()

    def runs_of(self, dropped: Dropped) -> list[FlowRun]:
        """Wait until no run goes on any more, and return those that the drops were in."""
        wait_until(lambda: not self._runs(state={"type": {"any_": _GOES_ON}}), "all flow runs have ended")
        return [self._ended(run) for run in self._runs() if _names_in(run) & dropped.names]

    def work(self) -> list[Span]:
        """Return what was done since drops were put in last."""
        return noted_in(self.notes)

    def put_away(self) -> None:
        """Take what it has written out of the way."""
        stores = (self.directory / "stores" / store / "files" for store in ("first", "second"))
        self.leavings.put_away(*stores, self.directory / "accepted" / COLLECTION)

    def _ended(self, run: dict[str, Any]) -> FlowRun:
        states = self._asked("GET", "flow_run_states/", params={"flow_run_id": run["id"]})
        since = {state["type"]: _moment(state["timestamp"]) for state in states}
        return FlowRun(
            since["SCHEDULED"],
            since["PENDING"],
            _moment(run["start_time"]),
            _moment(run["end_time"]),
        )

    def _runs(self, **wanted: object) -> list[dict[str, Any]]:
        question = {
            # Not those of jobs that wait for the night.
            "flows": {"name": {"any_": ["preserve"]}},
            "flow_runs": wanted,
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": _MOST_RUNS,
        }
        return self._asked("POST", "flow_runs/filter", json=question)

    def _asked(self, method: str, place: str, **question: Any) -> list[dict[str, Any]]:  # noqa: ANN401  JSON
        user, _, password = server_secret(self.directory / "state").partition(":")
        place, known = f"{self.api_url}/{place}", (user, password)
        answer = httpx.request(method, place, auth=known, timeout=60, **question)
        return list(answer.raise_for_status().json())


@contextmanager
def running_service(work: Path, leavings: Leavings) -> Iterator[Service]:
    """Make an installation below ``work`` and run its service for as long as the context lasts."""
    directory = new_installation(work / "service", f"\n[intake]\nsettle = {SETTLE_SECONDS}\n")
    port = _free_port()
    notes = directory / "work.jsonl"
    environment = {
        **os.environ,
        "MUNIMENT_PREFECT__PORT": str(port),
        "PYTHONPATH": os.pathsep.join((str(_HERE / "in_each_process"), str(_HERE.parent))),
        NOTES_VARIABLE: str(notes),
    }
    log = directory / "up.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [MUNIMENT, "up", "-C", directory],
            env=environment,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _is_up(process, log), "the service is up")
        server = json.loads((directory / "state" / "prefect" / "server.json").read_text())
        service = Service(directory, server["url"], server["pid"], notes, leavings)
        yield service
    finally:
        stop(process)


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for something to come about. Exits where it does not."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"it does not come about that {what}")
        time.sleep(_LOOK_SECONDS)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process in good order; where it does not, at once."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_up(process: subprocess.Popen[bytes], log: Path) -> bool:
    lines = log.read_text()
    if process.poll() is not None:
        sys.exit(f"muniment up ended with {process.returncode}:\n{lines}")
    return "is ready" in lines and "watching the inboxes" in lines


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _names_in(run: dict[str, Any]) -> frozenset[str]:
    return frozenset(Path(drop["path"]).name for drop in run["parameters"]["drops"])


def _epoch() -> float:
    """Return what the clock of the day is ahead of the monotonic one."""
    return time.time() - time.monotonic()


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp() - _epoch()
