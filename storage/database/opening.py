"""Opening the database, and the transactions in which everything happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from preservation.errors import ConfigurationError
from storage.database.faults import translated
from storage.database.upgrading import CURRENT_REVISION, revision_of, upgrade

if TYPE_CHECKING:
    from typing import Self

PATIENCE = timedelta(seconds=30)
"""How long a writer waits for others before it says that the database is locked."""

_WRITES = "muniment_writes"


class Database:
    """An open database with a current schema. Threads may share it; processes open their own.

    ``address`` names it for people, without its password.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.address = engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and changes nothing."""
        with translated(self.address), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose work is kept as a whole when the block ends, and not at all if it fails."""
        writer = self._engine.execution_options(**{_WRITES: True})
        with translated(self.address), writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(url: str, patience: timedelta = PATIENCE) -> Database:
    """Open the database at ``url`` (SQLAlchemy's form), and make or upgrade its tables where needed.

    Raises ``ConfigurationError`` where the URL is none or the schema is newer than this program,
    ``UnavailableError``, ``DeniedError`` or ``StoreFullError`` where the database cannot serve, and
    ``IntegrityError`` where what lies there is damaged.
    """
    try:
        address = make_url(url)
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(
            f"the database URL cannot be used ({error}); correct 'url' in [database] of muniment.toml, "
            "for example sqlite:///state/muniment.db"
        ) from error
    if engine.dialect.name == "sqlite":
        _settle_sqlite(engine, patience)
    database = Database(engine)
    try:
        with database.reading() as connection:
            current = revision_of(connection) == CURRENT_REVISION
        if not current:
            with database.writing() as connection:
                upgrade(connection, database.address)
    except BaseException:
        database.close()
        raise
    return database


def _settle_sqlite(engine: Engine, patience: timedelta) -> None:
    """Let SQLite serve many processes, keep its promises through a power cut, and mind its foreign keys."""

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        # Transactions begin where we say so (below), not where the driver guesses.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(patience.total_seconds() * 1000)}")
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its place at once: one that starts as a reader may not be let in later.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
