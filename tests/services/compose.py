"""What docker/compose.yaml and the Dockerfiles say, as an engine reads them; and parts of it, started."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml
from support.waiting import PATIENCE

DOCKER = Path(__file__).resolve().parents[2] / "docker"
PROGRAMS = Path(sys.executable).parent

MUNIMENT_PASSWORD = "of-muniment"  # noqa: S105  of a server that only this test session can reach
PREFECT_PASSWORD = "of-prefect"  # noqa: S105  likewise
PREFECT_SECRET = "muniment:of-prefects-api"  # noqa: S105  likewise


@cache
def services() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml."""
    composed: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return composed["services"]


def instructions(file: str = "Dockerfile") -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, in order, each with its text on one line."""
    lines = [line for line in (DOCKER / file).read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(words[0], words[2]) for line in joined.splitlines() if (words := line.partition(" "))[0]]


def copied(file: str = "Dockerfile") -> list[str]:
    """What a Dockerfile takes from the project."""
    copies = [shlex.split(text) for word, text in instructions(file) if word == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def grace(service: str) -> int:
    """Seconds from SIGTERM to SIGKILL."""
    found = re.fullmatch(r"(\d+)s", services()[service].get("stop_grace_period", "10s"))
    assert found is not None
    return int(found[1])


def free_port() -> int:
    """Return a port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ComposedDatabases:
    """What databases.sh has made on a real PostgreSQL; the URLs hold no password, as in compose.yaml."""

    muniment: str
    prefect: str
    muniment_password: str = MUNIMENT_PASSWORD
    prefect_password: str = PREFECT_PASSWORD


@dataclass(frozen=True)
class ComposedServer:
    """Prefect, started by the command and with the environment of the service ``server``."""

    port: int
    command: tuple[str, ...]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def composed_server(folder: Path, database: str, password: str) -> Iterator[ComposedServer]:
    """Start Prefect as compose.yaml does, its folders below ``folder``, before the database at that URL."""
    port = free_port()
    words = [str(port) if word == "4200" else word for word in services()["server"]["command"]]
    environment = {
        name: value.replace("/tmp/", f"{folder}/")  # noqa: S108  where the container has its memory
        for name, value in services()["server"]["environment"].items()
    }
    environment |= {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database, "PGPASSWORD": password}
    environment["PREFECT_SERVER_API_AUTH_STRING"] = PREFECT_SECRET
    command = (str(PROGRAMS / words[0]), *words[1:])
    log = folder / "server.log"
    with log.open("wb") as told, started(command, environment, told.fileno()):
        answers_at(f"http://127.0.0.1:{port}/api/ready", log)
        yield ComposedServer(port, command, log)


@contextmanager
def started(
    command: tuple[str, ...], environment: Mapping[str, str], told: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as an engine does: told to stop by SIGTERM, and by SIGKILL where that is no help."""
    surroundings = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", **environment}
    with subprocess.Popen(command, env=surroundings, stdout=told, stderr=told) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


def answers_at(url: str, log: Path) -> None:
    """Wait until a service answers there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310  http, of our own making
        except (URLError, OSError):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        else:
            return
