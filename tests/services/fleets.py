"""The running service as processes that can be killed one by one, and are started again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ordeals.crash_trees import alive_below
from services.compose import free_port
from support.archives import MUNIMENT, Archive, share_secret
from support.clocks import Clock
from support.processes import children, command_of, parent_of
from support.waiting import PATIENCE

from flows.orchestration.environment import PrefectApi
from flows.orchestration.prefect_database import prepare_database

_POLL_SECONDS = 0.05
_AGAIN_SECONDS = 2.0


@dataclass
class Member:
    """A process of the service that the test has started; what it says is kept in ``said``."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    said: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = float("-inf")

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def lines(self) -> str:
        return self.said.read_text() if self.said.exists() else ""

    def start(self) -> None:
        """Start it; it ends with the thread that starts it."""
        self.started = time.monotonic()
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def end(self, *, signals: int = 2, patience: float = PATIENCE) -> int:
        """Ask it to end so many times, and wait; return how it ended."""
        assert self.process is not None
        for _ in range(signals):
            if self.lives:
                self.process.send_signal(signal.SIGTERM)
                time.sleep(4 * _POLL_SECONDS)
        try:
            return self.process.wait(patience)
        finally:
            self.process.kill()
            self.process.wait()


@dataclass
class Fleet(ABC):
    """All processes of one service. Kills are by victim: what they hit, and nothing that they did not."""

    archive: Archive
    folder: Path
    environment: Mapping[str, str]
    members: list[Member] = field(default_factory=list)

    @property
    @abstractmethod
    def victims(self) -> tuple[str, ...]:
        """Who can be killed, besides the run's own process."""

    @abstractmethod
    def api_url(self) -> str:
        """Where its Prefect answers."""

    @abstractmethod
    def pids(self, victim: str) -> list[int]:
        """The living processes of a victim."""

    def start(self) -> None:
        """Start what does not run, as an init system does: what ended just now, a moment later."""
        for member in self.members:
            if not member.lives and time.monotonic() - member.started > _AGAIN_SECONDS:
                member.start()

    def run_pids(self) -> list[int]:
        """The processes of flow runs that go on."""
        return [pid for member in self.members if member.lives for pid in _run_pids(member.pid)]

    def kill(self, victim: str, source: random.Random) -> bool:
        """Kill a process of the victim at once; say whether one was there."""
        pids = self.run_pids() if victim == "run" else self.pids(victim)
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(source.choice(pids), signal.SIGKILL)
            return True
        return False

    def told(self) -> str:
        """What all of them have said."""
        return "\n".join(f"--- {member.name}\n{member.lines[-6000:]}" for member in self.members)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until they have said that so often."""
        self.until(lambda: self.told().count(text) >= times, text)

    def until(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for something to come about."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"it does not come about: {what}\n{self.told()}"
            time.sleep(_POLL_SECONDS)

    def by_name(self, name: str) -> Member:
        """The member of that name."""
        return next(member for member in self.members if member.name == name)

    def member(self, name: str, command: Sequence[str | Path], **more: str) -> Member:
        """Add a process that is to be started."""
        made = Member(name, command, {**self.environment, **more}, self.folder / f"{name}.log")
        self.members.append(made)
        return made

    def end(self) -> None:
        """End all of them, the last one first."""
        for member in reversed(self.members):
            if member.process is not None:
                member.end()


class Together(Fleet):
    """``muniment up`` with a Prefect of its own: it keeps its watcher, its worker and its server running."""

    @property
    def victims(self) -> tuple[str, ...]:
        return ("watcher", "worker", "server", "up")

    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['MUNIMENT_PREFECT__PORT']}/api"

    def pids(self, victim: str) -> list[int]:
        [up] = self.members
        if not up.lives:
            return []
        if victim == "up":
            return [up.pid]
        if victim == "server":
            with suppress(OSError, ValueError):
                noted = json.loads((self.archive.directory / "state/prefect/server.json").read_bytes())
                return [noted["pid"]] if "flows.orchestration.server_app" in command_of(noted["pid"]) else []
            return []
        verb = {"watcher": "watch", "worker": "worker"}[victim]
        return [pid for pid in children(up.pid) if f"flows.cli {verb} " in command_of(pid)]


class Apart(Fleet):
    """``muniment watch`` and two ``muniment worker`` beside a Prefect server that is somebody else's."""

    @property
    def victims(self) -> tuple[str, ...]:
        return ("watcher", "worker", "server")

    def api_url(self) -> str:
        return self.environment["MUNIMENT_PREFECT__API_URL"]

    def pids(self, victim: str) -> list[int]:
        return [member.pid for member in self.members if member.lives and member.name.startswith(victim)]


@contextmanager
def together(archive: Archive, folder: Path, **environment: str) -> Iterator[Together]:
    """Give ``muniment up``, started, on a port of its own."""
    told = {**archive.environment, "MUNIMENT_PREFECT__PORT": str(free_port()), **environment}
    del told["MUNIMENT_PREFECT__API_URL"]
    share_secret(archive.directory)
    fleet = Together(archive, folder, told)
    fleet.member("up", [MUNIMENT, "up", "-C", archive.directory])
    with _started(fleet):
        yield fleet


@contextmanager
def apart(
    archive: Archive, folder: Path, *, workers: int = 2, clock: Clock | None = None, **environment: str
) -> Iterator[Apart]:
    """Give a watcher and workers, started; with a Prefect server of their own where the archive has none.

    ``clock`` is the watcher's.
    """
    told = {**archive.environment, **environment}
    if archive.api_url:
        fleet = Apart(archive, folder, told)
    else:
        port = free_port()
        fleet = Apart(archive, folder, told | {"MUNIMENT_PREFECT__API_URL": f"http://127.0.0.1:{port}/api"})
        _add_server(fleet, port)
    for number in range(1, workers + 1):
        fleet.member(f"worker-{number}", [MUNIMENT, "worker", "-C", archive.directory])
    watcher = dict(clock.environment) if clock else {}
    fleet.member("watcher", [MUNIMENT, "watch", "-C", archive.directory], **watcher)
    with _started(fleet):
        yield fleet


def _add_server(fleet: Apart, port: int) -> None:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    home = fleet.folder / "prefect"
    home.mkdir()
    prepare_database(home)
    server = fleet.member(
        "server",
        command,
        PREFECT_HOME=str(home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    server.start()
    fleet.until(lambda: PrefectApi(fleet.api_url()).answers, "the Prefect server")


@contextmanager
def _started(fleet: Fleet) -> Iterator[None]:
    try:
        fleet.start()
        fleet.wait_for("is ready")
        fleet.wait_for("watching the inboxes")
        yield
    finally:
        fleet.end()


def _run_pids(root: int) -> list[int]:
    """What a worker's fork server has forked are runs."""
    ours = [pid for pid in alive_below(root) if _is_of_a_worker(command_of(pid))]
    return [pid for pid in ours if parent_of(pid) in ours and parent_of(parent_of(pid)) in ours]


def _is_of_a_worker(command: str) -> bool:
    """Whether it is a worker, its fork server, forked or started again, or a run of theirs."""
    return " worker " in f"{command} " or "runner.fork_server" in command
