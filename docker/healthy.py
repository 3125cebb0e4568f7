# noqa: INP001  a script of the image, not a package
"""Asked by the container engine: does what this container runs do its work? Exit 0, or 1 with the reason.

Without arguments, what the container runs is read off its first process (``tini -- muniment worker``).
"""

from __future__ import annotations

import json
import socket
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from flows.inboxes.heartbeat import read_heartbeat
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.orchestration.server import running_api
from preservation.errors import PreservationError

POOL = "muniment"
"""The work pool, as ``flows.orchestration.deployments`` has it, which imports Prefect."""

PORT = "4200"
"""Where Prefect listens unless it is told another port."""

_FIRST_PROCESS = Path("/proc/1/cmdline")
_SECONDS = 10


def running_command(command_line: bytes) -> tuple[str, ...]:
    """Return what a container runs, by the command line of its first process."""
    words = command_line.decode().rstrip("\0").split("\0")
    return tuple(words[words.index("--") + 1 :] if "--" in words else words)


def faults(command: Sequence[str], host: str) -> Iterator[str]:
    """Give what is wrong with the service that was started by ``command`` on ``host``."""
    match [Path(command[0]).name if command else "", *command[1:]]:
        case ["prefect", "server", "start", *options]:
            port = options[options.index("--port") + 1] if "--port" in options else PORT
            yield from _prefect_faults(f"http://127.0.0.1:{port}/api")
        case ["muniment", "watch", *_]:
            yield from _watcher_faults(load_settings(), host)
        case ["muniment", "worker", *_]:
            yield from _worker_faults(load_settings(), host)
        case ["muniment", "up", *_]:
            settings = load_settings()
            yield from _worker_faults(settings, host)
            yield from _watcher_faults(settings, host)


def _prefect_faults(url: str) -> Iterator[str]:
    try:
        # Ready is more than healthy: its database answers, too.
        _asked(f"{url}/ready")
    except OSError as error:
        yield f"Prefect at {url} is not ready: {error}"


def _worker_faults(settings: Settings, host: str) -> Iterator[str]:
    api = running_api(settings)
    try:
        workers = _asked(f"{api.url}/work_pools/{POOL}/workers/filter", {}, api.auth)
    except OSError as error:
        yield f"Prefect at {api.url} was asked for its workers: {error}"
        return
    ours = [one for one in workers if one["name"] == host or one["name"].startswith(f"{host}-")]
    if not any(one["status"] == "ONLINE" for one in ours):
        yield f"Prefect has not heard of a worker on {host} lately"


def _watcher_faults(settings: Settings, host: str) -> Iterator[str]:
    beat = read_heartbeat(settings)
    if beat is None:
        yield "nobody has looked at the inboxes yet"
    elif beat.by.host == host and beat.by.is_dead:
        yield f"the watcher is dead that looked at the inboxes last ({beat.by})"
    elif beat.is_silent(datetime.now(UTC)):
        yield beat.silence


def _asked(url: str, question: object = None, auth: str = "") -> list[dict[str, str]]:
    """Ask Prefect; without a question, for what is there. Raises ``OSError`` where it answers badly."""
    body = None if question is None else json.dumps(question).encode()
    headers = {"Content-Type": "application/json"}
    if auth:
        headers["Authorization"] = f"Basic {b64encode(auth.encode()).decode()}"
    request = urllib.request.Request(url, body, headers)  # noqa: S310  http, from our settings
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  as above
            told: list[dict[str, str]] = json.load(answer)
            return told
    except (urllib.error.URLError, ValueError) as error:
        raise OSError(str(error)) from error


def main() -> None:
    """Say what is wrong, and end with 1 where something is."""
    command = tuple(sys.argv[1:]) or running_command(_FIRST_PROCESS.read_bytes())
    try:
        found = list(faults(command, socket.gethostname()))
    except PreservationError as error:
        found = [str(error)]
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
