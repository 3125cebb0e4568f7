"""Which Prefect an installation talks to: a configured one, that of ``muniment up``, or one for the while.

The last user of a server that was started on demand stops it; users are counted by shared locks, which
the kernel lets go of when a process dies.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flows.alarms.channels import secret
from flows.installation.log import LOG
from flows.installation.processes import born
from flows.installation.server_secret import door_link, new_ticket, server_secret
from flows.installation.settings import Settings
from flows.orchestration.prefect_database import prepare_database
from preservation.errors import UnavailableError
from preservation.files.durable import written_whole
from preservation.files.lock import lock, locked

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 120
_PATIENCE_SECONDS = 60
"""For so long a server that lives may be too busy to answer."""

_STOP_SECONDS = 15
_POLL_SECONDS = 0.1
_HTTP_OK = 200

_AT_REST = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "15",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT15S",
}
"""Every service of Prefect's runs; these look less often than every five seconds, which is costly at rest."""

_ON_DEMAND = {
    # What people choose from in a UI that nobody opens; the server of ``muniment up`` registers them.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    # Else Prefect takes them for registered.
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}

AUTH_VARIABLE = "PREFECT_API_AUTH_STRING"
"""Prefect's name for what its clients bring; for a configured Prefect it stands there, or in a file."""

# Servers that this process started: a dead child answers to its number until it is asked for its end.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """A Prefect API that answers, and what it is asked with: ``user:password``, empty for nothing."""

    url: str
    auth: str = field(default="", repr=False)

    @property
    def answers(self) -> bool:
        """Say whether it answers at this moment."""
        return _answers(self.url)

    @property
    def ui(self) -> str:
        """Where people see what ran."""
        return self.url.removesuffix("/api")


class _Server(msgspec.Struct, frozen=True):
    """What the server's file says about the server that is running.

    ``born`` says when its process started: the number alone is given again, and after a reboot it may be
    anybody's. Servers of Muniment 0.1 have no door: they answer every account and every page.
    """

    pid: int
    born: str
    url: str
    on_demand: bool
    has_door: bool = False


@contextmanager
def prefect_api(
    settings: Settings, meanwhile: Callable[[PrefectApi], object] | None = None
) -> Iterator[PrefectApi]:
    """Give a Prefect API that answers, for as long as the context lasts.

    Where a server has to be started, ``meanwhile`` is called once with its API, which does not answer yet.
    Raises ``UnavailableError`` where the configured one does not answer, or ours does not start.
    """
    if settings.prefect.api_url:
        yield _configured(settings)
        return
    home = _home(settings)
    with (home / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            server = _running_or_started(home, port=_free_port(), on_demand=True, meanwhile=meanwhile)
            yield _own(settings, server)
        finally:
            _stop_if_last(home, users.fileno())


def running_api(settings: Settings) -> PrefectApi:
    """Return the Prefect API that answers: the configured one, or that of ``muniment up``.

    Raises ``UnavailableError`` where there is none.
    """
    if settings.prefect.api_url:
        return _configured(settings)
    server = _living(_home(settings))
    if server is None:
        raise UnavailableError(
            f"{settings.directory}: no Prefect is running; start it with: muniment up -C "
            f"{settings.directory}, or name yours as api_url in [prefect] of muniment.toml"
        )
    return _own(settings, _waited_for(server))


@contextmanager
def served(settings: Settings) -> Iterator[PrefectApi]:
    """Give the configured Prefect API, or serve one and its UI on the configured port, for a running service.

    One that an earlier service served, and that outlived it, is gone on with.
    Raises ``UnavailableError`` where the configured one does not answer, another service of this installation
    serves one, the port is taken, or the server does not start.
    """
    if settings.prefect.api_url:
        yield _configured(settings)
        return
    home = _home(settings)
    with locked(home / "service", wait=False) as ours:
        if not ours:
            raise UnavailableError(
                f"{settings.directory}: muniment up is running already; use that one, or stop it first"
            )
        server = _running(home)
        reused = server is not None and not server.on_demand and server.has_door
        if server is None or not reused or server.url != _url(settings.prefect.port):
            server = _served_anew(settings)
        try:
            yield _own(settings, server)
        finally:
            _stop_noted(home)


def browser_link(settings: Settings) -> str:
    """Return where the UI is: an address that lets one browser in, once, where the server is our own."""
    api = running_api(settings)
    if settings.prefect.api_url:
        return f"{api.ui}/runs"
    return door_link(api.ui, new_ticket(api.auth, time.time()))


def server_lives(settings: Settings) -> bool:
    """Say whether the process of the installation's own server is there, whether it answers or not."""
    return _living(_home(settings)) is not None


def serve_again(settings: Settings) -> None:
    """Start the server anew that ``served`` gave, on its port; for when it does not answer any more.

    Raises ``UnavailableError`` where it does not start.
    """
    home = _home(settings)
    _stop_noted(home)
    _running_or_started(home, port=settings.prefect.port, on_demand=False)


def _served_anew(settings: Settings) -> _Server:
    home, port = _home(settings), settings.prefect.port
    living = _living(home)
    if living is not None and living.on_demand:
        # Too busy to answer, say: somebody preserves with it.
        raise UnavailableError(
            f"{settings.directory}: a Prefect server is running already "
            f"(process {living.pid}, {living.url}); use that one, or stop it first"
        )
    _stop_noted(home)
    if not _is_free(port):
        raise UnavailableError(
            f"port {port} is taken by another program; set another port in [prefect] of muniment.toml"
        )
    return _running_or_started(home, port=port, on_demand=False)


def _configured(settings: Settings) -> PrefectApi:
    api = PrefectApi(settings.prefect.api_url, secret(AUTH_VARIABLE))
    if not api.answers:
        raise UnavailableError(
            f"Prefect does not answer at {api.url}; start it, or remove api_url from "
            f"[prefect] in {settings.directory / 'muniment.toml'} to let Muniment run its own"
        )
    return api


def _own(settings: Settings, server: _Server) -> PrefectApi:
    return PrefectApi(server.url, server_secret(settings.state))


def _home(settings: Settings) -> Path:
    home = settings.state / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    return home


def _noted(home: Path) -> _Server | None:
    try:
        return msgspec.json.decode((home / "server.json").read_bytes(), type=_Server)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _note(home: Path, server: _Server) -> None:
    with written_whole(home / "server.json", durable=False) as sink:
        sink.write(msgspec.json.encode(server))


def _living(home: Path) -> _Server | None:
    """Return the server whose process is there, whether it answers or not."""
    server = _noted(home)
    return server if server is not None and _lives(server) else None


def _running(home: Path) -> _Server | None:
    server = _living(home)
    return server if server is not None and _answers(server.url) else None


def _running_or_started(
    home: Path, *, port: int, on_demand: bool, meanwhile: Callable[[PrefectApi], object] | None = None
) -> _Server:
    """Return the server that runs, or start one: never two of them, for they would share a database."""
    with locked(home / "starting"):
        server = _living(home)
        if server is not None:
            return _waited_for(server)
        return _start(home, port, on_demand=on_demand, meanwhile=meanwhile)


def _waited_for(server: _Server) -> _Server:
    """Return the server when it answers. Raises ``UnavailableError`` where it does not, or ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _answers(server.url):
        if time.monotonic() > deadline or not _lives(server):
            raise UnavailableError(
                f"Prefect's server (process {server.pid}) does not answer at {server.url}; "
                "wait until it has less to do, or stop it, then try again"
            )
        time.sleep(_POLL_SECONDS)
    return server


def _start(
    home: Path, port: int, *, on_demand: bool, meanwhile: Callable[[PrefectApi], object] | None
) -> _Server:
    url, auth = _url(port), server_secret(home.parent)
    prepare_database(home)
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  our own interpreter, an argument list
            [sys.executable, "-m", "flows.orchestration.server_app", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                **server_environment(home),
                **(_ON_DEMAND if on_demand else {}),
                "PREFECT_UI_API_URL": "/api",
                "PREFECT_SERVER_API_AUTH_STRING": auth,
            },
        )
    _CHILDREN[process.pid] = process
    server = _Server(process.pid, born(process.pid) or "", url, on_demand, has_door=True)
    try:
        _note(home, server)
    except OSError:
        # Nobody would know of it.
        _stop(home, server)
        raise
    if meanwhile is not None:
        meanwhile(PrefectApi(url, auth))
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(url):
        if process.poll() is not None:
            raise UnavailableError(
                f"Prefect's server ended while starting (exit {process.returncode}); "
                f"{home / 'server.log'} says why"
            )
        if time.monotonic() > deadline:
            _stop(home, server)
            raise UnavailableError(
                f"Prefect's server did not answer within {_START_SECONDS} s; {home / 'server.log'} says why"
            )
        time.sleep(_POLL_SECONDS)
    return server


def server_environment(home: Path) -> dict[str, str]:
    """Return what a Prefect process of this installation is told: its home, and to tell nobody anything."""
    return {
        **_account_home(home),
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The second UI asks an analytics host from the user's browser whatever the server is told.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        **_AT_REST,
    }


def _account_home(home: Path) -> dict[str, str]:
    """Return ``home`` as the account's own where it has none, as in a container: Prefect asks for one."""
    try:
        Path.home()
    except RuntimeError:
        return {"HOME": str(home)}
    return {}


def client_environment(settings: Settings, api: PrefectApi) -> dict[str, str]:
    """Return what a process of ours is told that talks to ``api``; to be told before it imports Prefect."""
    return {
        **server_environment(settings.state / "prefect"),
        "PREFECT_API_URL": api.url,
        **auth_environment(api),
        # What operators read goes to Prefect too.
        "PREFECT_LOGGING_EXTRA_LOGGERS": LOG.name,
        # Threads that copy are no flow run to Prefect; what they say is for the terminal.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }


def auth_environment(api: PrefectApi) -> dict[str, str]:
    """Return what a child process asks ``api`` with, as its environment: other accounts cannot read that."""
    return {AUTH_VARIABLE: api.auth, f"{AUTH_VARIABLE}_FILE": ""} if api.auth else {}


def _stop_if_last(home: Path, users: int) -> None:
    server = _noted(home) if lock(users, wait=False) else None
    if server is not None and server.on_demand:
        _stop(home, server)


def _url(port: int) -> str:
    return f"http://{_LOOPBACK}:{port}/api"


def _stop_noted(home: Path) -> None:
    """End the server that is noted, whether it answers or not."""
    server = _noted(home)
    if server is not None:
        _stop(home, server)


def _stop(home: Path, server: _Server) -> None:
    """End the server and all its processes: they form one group. Nobody else's process is touched."""
    if _lives(server):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline and _lives(server):
                time.sleep(_POLL_SECONDS)
            os.killpg(server.pid, signal.SIGKILL)
    (home / "server.json").unlink(missing_ok=True)


def _lives(server: _Server) -> bool:
    """Say whether the very process that was noted is there still, not another of its number."""
    if server.pid in _CHILDREN and _CHILDREN[server.pid].poll() is not None:
        return False
    return born(server.pid) == server.born


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310  http, from our settings
            return bool(answer.status == _HTTP_OK)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
