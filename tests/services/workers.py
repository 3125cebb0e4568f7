"""A worker, or the whole service, as a real process of the command; and runs of the deployment for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling
from support.archives import MUNIMENT, Archive
from support.flow_runs import prefect_client, surroundings
from support.waiting import PATIENCE, until

from flows.installation.bell import run_bell
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from flows.orchestration.environment import PrefectApi
from flows.orchestration.run_requests import open_runs
from flows.submission.drop import DropRequest

_POLL_SECONDS = 0.05

OFTEN = ", ".join(["2"] * 12 + ["5"] * 8)
"""Waits for a store that comes back: soon taken up again, however slow the machine is until then."""


@dataclass(frozen=True)
class Service:
    """A running ``muniment VERB``, and what it says."""

    process: subprocess.Popen[bytes]
    told: Path

    @property
    def lines(self) -> str:
        return self.told.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has said that so often."""
        until(lambda: self.lines.count(text) >= times or self.process.poll() is not None, lambda: self.lines)
        assert self.lines.count(text) >= times, self.lines

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


@contextmanager
def service(archive: Archive, verb: str, **environment: str) -> Iterator[Service]:
    """Run ``muniment VERB`` for the archive, ready for runs, for as long as the context lasts."""
    told = archive.directory.parent / f"{verb}-{time.monotonic_ns()}.log"
    with told.open("wb") as output:
        process = subprocess.Popen(
            [MUNIMENT, verb, "-C", archive.directory],
            env={**archive.environment, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = Service(process, told)
    try:
        running.wait_for("is ready")
        yield running
    finally:
        if process.poll() is None:
            for _ in range(2):
                running.ask_to_stop()
                time.sleep(_POLL_SECONDS)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()


def asked(archive: Archive, path: Path, collection: str = "files") -> UUID:
    """Ask Prefect for a run that preserves the drop, until it answers: other writers lock its database."""
    with surroundings(archive):
        settings = load_settings(archive.directory)
    drop, began, is_first = DropRequest(path, collection, path.name), now(), True
    deadline = time.monotonic() + PATIENCE
    with open_runs(settings, PrefectApi(archive.api_url)) as runs:
        while True:
            try:
                # Where only the answer was lost, the run is there.
                lost = [] if is_first else [one for one in runs.under_way() if one.asked_at >= began]
                made = [one.identifier for one in lost if one.drops == (drop,)]
                return made[0] if made else runs.ask([drop])
            except (httpx.TimeoutException, httpx.HTTPStatusError) as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
            is_first = False
            time.sleep(_POLL_SECONDS)


def _is_busy(error: httpx.TimeoutException | httpx.HTTPStatusError) -> bool:
    if isinstance(error, httpx.TimeoutException):
        return True
    return error.response.status_code == httpx.codes.SERVICE_UNAVAILABLE


def wake(archive: Archive) -> None:
    """Have the archive's worker ask now for the run that was asked for otherwise than by ``asked``."""
    with surroundings(archive):
        run_bell(load_settings(archive.directory)).ring()


@contextmanager
def second_store_away(archive: Archive) -> Iterator[None]:
    """Let the second store be away, so that a run comes to replication and waits there."""
    away = archive.store("second").rename(archive.directory / "away")
    try:
        yield
    finally:
        away.rename(archive.store("second"))


def is_replicating(archive: Archive, name: str) -> bool:
    return (archive.directory / "processing" / "files" / name / "events-package.jsonl").exists()


def run_of(archive: Archive, identifier: UUID) -> FlowRun:
    """What Prefect knows of the run."""
    return prefect_client(archive.api_url).read_flow_run(identifier)


def state_of(archive: Archive, identifier: UUID) -> str:
    return run_of(archive, identifier).state_name or ""


def waits(archive: Archive, identifier: UUID) -> bool:
    """Whether the run waits for a worker. One that waits for long is late, and on a busy machine all do."""
    return state_of(archive, identifier) in {"Scheduled", "Late"}


def forget(archive: Archive, identifier: UUID) -> None:
    """Let no worker of another test take the run."""
    prefect_client(archive.api_url).delete_flow_run(identifier)


def cancel(archive: Archive, identifier: UUID) -> None:
    """Cancel the run, as somebody does in Prefect's UI."""
    prefect_client(archive.api_url).set_flow_run_state(identifier, Cancelling())


def ended_run(archive: Archive, identifier: UUID) -> FlowRun:
    """Wait until the run has ended."""

    def has_ended() -> bool:
        state = run_of(archive, identifier).state
        return state is not None and state.is_final()

    until(has_ended, f"run {identifier}")
    return run_of(archive, identifier)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
