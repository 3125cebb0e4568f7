"""Connections to each kind of database, so that it serves many processes and loses nothing."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from preservation.backoff import Backoff
from preservation.errors import ConfigurationError

if TYPE_CHECKING:
    import psycopg

WRITES = "muniment_writes"
"""Execution option of a connection that is going to write."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_POSTGRESQL = "postgresql+psycopg"
_POSTGRESQL_SPELLINGS = ("postgresql", "postgres")

_PATIENT_CONNECTION = {
    "connect_timeout": "10",
    # A server that vanished (its network, its power) is noticed in about a minute.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "muniment",
}
"""Connection parameters of libpq (PostgreSQL, 34.1.2), where the URL has no others."""


def engine_for(url: str, patience: timedelta) -> Engine:
    """Return an engine for the database at ``url``; a writer waits ``patience`` for others.

    Nothing is connected to yet. Raises ``ConfigurationError``, which never shows a password.
    """
    address = _address(url)
    try:
        if address.get_backend_name() == "postgresql":
            return _postgresql(address, patience)
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(
            f"the database URL cannot be used ({error}); correct 'url' in [database] of muniment.toml, "
            "for example sqlite:///state/muniment.db or postgresql://muniment@db.example.org/muniment"
        ) from error
    if engine.dialect.name == "sqlite":
        _settle_sqlite(engine, patience)
    return engine


def shown_address(address: URL) -> str:
    """Return where a database is, for people, without the passwords that may stand in it."""
    secrets = [name for name in address.query if "password" in name]
    return address.difference_update_query(secrets).render_as_string(hide_password=True)


def folder_of_file(address: URL) -> Path | None:
    """Return the folder of a database that is a file, or ``None`` for one that a server has."""
    if address.get_backend_name() != "sqlite" or not address.database:
        return None
    return Path(address.database).absolute().parent


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # The parser's message may hold a part of the password.
        raise ConfigurationError(
            "the database URL cannot be read; correct 'url' in [database] of muniment.toml, for example "
            "sqlite:///state/muniment.db or postgresql://muniment@db.example.org/muniment (a password "
            "belongs into ~/.pgpass; in a URL, its special characters are percent-encoded)"
        ) from None
    return address.set(drivername=_POSTGRESQL) if address.drivername in _POSTGRESQL_SPELLINGS else address


def _postgresql(address: URL, patience: timedelta) -> Engine:
    """Find out before use whether a connection still lives, and wait for locks as long as for SQLite's."""
    parameters = {name: value for name, value in _PATIENT_CONNECTION.items() if name not in address.query}
    # Else PGCLIENTENCODING or the encoding of the database would decide which names can be written.
    parameters["client_encoding"] = "utf8"
    engine = create_engine(
        address, connect_args=parameters, pool_pre_ping=True, pool_timeout=patience.total_seconds()
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: psycopg.Connection, _: object) -> None:
        connection.execute(f"SET lock_timeout = {int(patience.total_seconds() * 1000)}")
        connection.commit()

    return engine


def _settle_sqlite(engine: Engine, patience: timedelta) -> None:
    """Let SQLite serve many processes, keep what it stored through a power cut, and check foreign keys."""

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        # Transactions begin where we begin them (below), not where the driver guesses.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(patience.total_seconds() * 1000)}")
        _write_ahead(connection, patience)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its place at once: one that starts as a reader may not be let in later.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(connection: sqlite3.Connection, patience: timedelta) -> None:
    """Set the journal mode of a new database, for which SQLite itself does not wait until others are done.

    A database that cannot have this mode, such as one in memory, keeps its own.
    """
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    deadline = time.monotonic() + patience.total_seconds()
    pauses = Backoff(0.01, 0.5)
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # The low byte is the code; the others say more about it.
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(pauses.pause())
        else:
            return
