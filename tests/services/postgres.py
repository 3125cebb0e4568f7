"""A real PostgreSQL for the tests: a server of their own on loopback, or a reason to skip.

Debian's programs, a data directory in the temporary directory, and nothing of a server that may run on
this machine already. It dies with the process that started it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from support.waiting import PATIENCE

PACKAGE = "postgresql"
_USER = "archivist"
_PASSWORD = "Pass:w/rd@1"  # noqa: S105  of a server that only this test session can reach
_PASSWORD_IN_FILE = r"Pass\:w/rd@1"  # noqa: S105  the same as a password file has it
_ENCODED_PASSWORD = "Pass%3Aw%2Frd%401"  # noqa: S105  the same as a URL has it
PASSWORD_PARTS = ("Pass", "w/rd@1", "w%2Frd")
"""What no message may hold."""
_SERVERS_OWN = "postgres"
_QUICK = (
    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
    # Its folder lies in memory: the log that it writes ahead would grow to a gigabyte.
    *("-c", "max_wal_size=64MB", "-c", "min_wal_size=32MB"),
)


@dataclass
class Server:
    """A server at ``port``, running or stopped; its data stay until it is let go."""

    programs: Path
    home: Path
    port: int
    options: tuple[str, ...]
    _numbers: Iterator[int] = field(default_factory=count)
    _process: subprocess.Popen[bytes] | None = None

    def new_database(self) -> str:
        """Make an empty database and return its URL, which holds a password that needs escaping."""
        name = self._new_name()
        return f"postgresql://{_USER}:{_ENCODED_PASSWORD}@127.0.0.1:{self.port}/{name}"

    def new_database_without_password(self, passwords: Path) -> tuple[str, Path]:
        """Make an empty database; return its URL, and the file for ``PGPASSFILE`` that has the password."""
        name = self._new_name()
        passwords.write_text(f"127.0.0.1:{self.port}:*:{_USER}:{_PASSWORD_IN_FILE}\n")
        passwords.chmod(0o600)
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}", passwords

    def cut_off_everybody(self) -> None:
        """End the session of whoever is connected, as an operator may."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def start(self) -> None:
        """Start, and return when it answers. It ends with the thread that starts it."""
        command = [
            *_unprivileged("--pdeathsig", "QUIT"),
            str(self.programs / "postgres"),
            *("-D", str(self.home / "cluster"), "-p", str(self.port), "-k", str(self.home)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100", *self.options),
        ]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop as an operator does: whoever is connected is cut off, what was committed stays."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End at once, as by a power cut; the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(PATIENCE)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def _new_name(self) -> str:
        name = f"records_{next(self._numbers)}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def _conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=_USER, password=_PASSWORD, dbname=database
        )


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """Give a new server for as long as the context lasts; one that is not ``durable`` is quicker.

    Skips the test where PostgreSQL is not installed.
    """
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="muniment-postgresql-"))
    try:
        secret = home / "password"
        secret.write_text(_PASSWORD)
        if os.geteuid() == 0:
            for path in (home, secret):
                shutil.chown(path, _SERVERS_OWN, _SERVERS_OWN)
        subprocess.run(
            [
                *_unprivileged(),
                str(programs / "initdb"),
                *("-D", str(home / "cluster"), "-U", _USER, "--auth=scram-sha-256", f"--pwfile={secret}"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=home,
        )
        server = Server(programs, home, _free_port(), () if durable else _QUICK)
        server.start()
        try:
            yield server
        finally:
            if server.is_running:
                server.crash()
    finally:
        with suppress(OSError):
            shutil.rmtree(home)


def _programs() -> Path:
    """Return the folder of the newest installed server's programs; Debian does not put them on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip(f"PostgreSQL is not installed: apt-get install {PACKAGE}")
    return Path(initdb).parent


def _unprivileged(*options: str) -> list[str]:
    """Return what a command begins with that root may not run."""
    owner = [f"--reuid={_SERVERS_OWN}", f"--regid={_SERVERS_OWN}", "--init-groups"]
    return ["setpriv", *(owner if os.geteuid() == 0 else []), *options, "--"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
