"""The Prefect of an installation: a configured one, that of ``muniment up``, or one started on demand.

The last user of a server that was started on demand stops it. Users are counted by shared locks, which the
kernel releases when a process dies.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from flows.alarms.channels import secret
from flows.installation.processes import born
from flows.installation.server_secret import door_link, new_ticket, server_secret
from flows.installation.settings import Settings
from flows.orchestration.environment import AUTH_VARIABLE, PrefectApi, server_environment
from flows.orchestration.prefect_database import prepare_database
from preservation.errors import UnavailableError
from preservation.files.durable import written_whole
from preservation.files.lock import lock, locked

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 120
_PATIENCE_SECONDS = 60
"""A server that lives may be too busy to answer for so long."""

_STOP_SECONDS = 15
_POLL_SECONDS = 0.1

_ON_DEMAND = {
    # Only a UI needs these, and it is not opened here; the server of ``muniment up`` registers them.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    # Else Prefect would count them as registered.
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    # Runs, states, tasks and logs are kept; what only automations and the feed of events read is not.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}

# Servers that this process started: a dead child keeps its number until its end is read.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class _Server(msgspec.Struct, frozen=True):
    """The record of the server that is running.

    ``born`` is when its process started: the number alone may belong to another process by now. Servers of
    Muniment 0.1 have no door: they answer every account and every page.
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
    """Yield a Prefect API that answers, for as long as the context lasts.

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
            if lock(users.fileno(), wait=False):
                _stop_recorded(home, on_demand_only=True)


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
    """Yield the configured Prefect API, or serve one and its UI on the configured port, for a service.

    A server that outlived an earlier service is used again.
    Raises ``UnavailableError`` where the configured one does not answer, another service of this
    installation serves one, the port is taken, or the server does not start.
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
        server = _living(home)
        wanted = (False, True, _url(settings.prefect.port))
        is_usable = server is not None and (server.on_demand, server.has_door, server.url) == wanted
        if server is None or not is_usable or not PrefectApi(server.url).answers:
            server = _served_anew(settings)
        try:
            yield _own(settings, server)
        finally:
            _stop_recorded(home)


def browser_link(settings: Settings) -> str:
    """Return the address of the UI; where the server is our own, it lets one browser in, once."""
    api = running_api(settings)
    if settings.prefect.api_url:
        return f"{api.ui}/runs"
    return door_link(api.ui, new_ticket(api.auth, time.time()))


def server_lives(settings: Settings) -> bool:
    """Return whether the process of the installation's own server exists, whether it answers or not."""
    return _living(_home(settings)) is not None


def serve_again(settings: Settings) -> None:
    """Start the server of ``served`` anew on its port, because it does not answer any more.

    Raises ``UnavailableError`` where it does not start.
    """
    home = _home(settings)
    _stop_recorded(home)
    _running_or_started(home, port=settings.prefect.port, on_demand=False)


def _served_anew(settings: Settings) -> _Server:
    home, port = _home(settings), settings.prefect.port
    living = _living(home)
    if living is not None and living.on_demand:
        # It may only be too busy to answer: another process preserves with it.
        raise UnavailableError(
            f"{settings.directory}: a Prefect server is running already "
            f"(process {living.pid}, {living.url}); use that one, or stop it first"
        )
    _stop_recorded(home)
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


def _recorded(home: Path) -> _Server | None:
    try:
        return msgspec.json.decode((home / "server.json").read_bytes(), type=_Server)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _living(home: Path) -> _Server | None:
    """Return the server whose process exists, whether it answers or not."""
    server = _recorded(home)
    return server if server is not None and _lives(server) else None


def _running_or_started(
    home: Path, *, port: int, on_demand: bool, meanwhile: Callable[[PrefectApi], object] | None = None
) -> _Server:
    """Return the server that runs, or start one: two would share a database."""
    with locked(home / "starting"):
        server = _living(home)
        if server is not None:
            return _waited_for(server)
        return _start(home, port, on_demand=on_demand, meanwhile=meanwhile)


def _waited_for(server: _Server) -> _Server:
    """Return the server when it answers. Raises ``UnavailableError`` where it does not, or ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not PrefectApi(server.url).answers:
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
    api = PrefectApi(_url(port), server_secret(home.parent))
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
                "PREFECT_SERVER_API_AUTH_STRING": api.auth,
            },
        )
    _CHILDREN[process.pid] = process
    server = _Server(process.pid, born(process.pid) or "", api.url, on_demand, has_door=True)
    try:
        with written_whole(home / "server.json", durable=False) as sink:
            sink.write(msgspec.json.encode(server))
    except OSError:
        # Without the file, no other process would know of it.
        _stop(home, server)
        raise
    if meanwhile is not None:
        meanwhile(api)
    deadline = time.monotonic() + _START_SECONDS
    while not api.answers:
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


def _url(port: int) -> str:
    return f"http://{_LOOPBACK}:{port}/api"


def _stop_recorded(home: Path, *, on_demand_only: bool = False) -> None:
    """End the recorded server, whether it answers or not."""
    server = _recorded(home)
    if server is not None and (server.on_demand or not on_demand_only):
        _stop(home, server)


def _stop(home: Path, server: _Server) -> None:
    """End the server and all its processes, which form one group, and no other process."""
    if _lives(server):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline and _lives(server):
                time.sleep(_POLL_SECONDS)
            os.killpg(server.pid, signal.SIGKILL)
    (home / "server.json").unlink(missing_ok=True)


def _lives(server: _Server) -> bool:
    """Return whether the recorded process still exists, and not another one with its number."""
    if server.pid in _CHILDREN and _CHILDREN[server.pid].poll() is not None:
        return False
    return born(server.pid) == server.born


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
