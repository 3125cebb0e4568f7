"""Opening the database, and the transactions in which everything happens."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, Self

from sqlalchemy import Column, Connection, Engine, Row, Select

from storage.database.engines import WRITES, engine_for, folder_of_file, shown_address
from storage.database.faults import translated
from storage.database.new_database import make_tables
from storage.database.upgrading import CURRENT_REVISION, revision_of, upgrade

PAGE = 1000
"""Rows of a long table that are read at a time."""

PATIENCE = timedelta(seconds=30)
"""How long a writer waits for other writers before it reports the database as locked."""

# Whatever the server's own defaults are: a reader sees one moment also over several statements, and a
# writer that waited for another sees what that one wrote. SQLite's transactions are so by themselves.
_READER: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
}
_WRITER: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "READ COMMITTED"},
    "sqlite": {WRITES: True},
}


_Kind = tuple[int, str, timedelta]
"""The process, the URL and the patience of an engine."""

_SPARE: Final[dict[_Kind, Engine]] = {}
"""Engines without a connection that nobody uses. A new one compiles every statement anew, which takes longer
than what is asked of it; the process is a part of the kind because none may go on with one that was forked.
"""

_MOST_SPARE: Final = 8


class Database:
    """An open database with a current schema. Threads may share it; processes open their own.

    ``address`` names it for people, without its password.
    """

    def __init__(self, engine: Engine, kind: _Kind) -> None:
        self._engine = engine
        self._kind = kind
        self._is_closed = False
        self.address = shown_address(engine.url)
        self._folder = folder_of_file(engine.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and changes nothing."""
        reader = self._engine.execution_options(**_READER.get(self._engine.dialect.name, {}))
        with translated(self.address, self._folder), reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose work is kept as a whole when the block ends, and not at all if it fails."""
        writer = self._engine.execution_options(**_WRITER.get(self._engine.dialect.name, {}))
        with translated(self.address, self._folder), writer.begin() as connection:
            yield connection

    def pages(
        self, query: Select[Any], key: Column[int], *, after: int = -1, newest_first: bool = False
    ) -> Iterator[Sequence[Row[Any]]]:
        """Yield the rows of ``query`` above ``after`` in the order of ``key``, one of its columns, in pages.

        Each page is a transaction of its own: no connection is held while the caller is at work, and
        none is left open by a caller that stops early.
        """
        ordered = query.order_by(key.desc() if newest_first else key).limit(PAGE)
        next_page = ordered.where(key > after)
        while True:
            with self.reading() as connection:
                page = connection.execute(next_page).all()
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1]._mapping[key]  # noqa: SLF001  SQLAlchemy's public name, underscored to spare column names
            next_page = ordered.where(key < last if newest_first else key > last)

    def close(self) -> None:
        """Let go of every connection. Once is enough: the engine may be another's by then."""
        if self._is_closed:
            return
        self._is_closed = True
        self._engine.dispose()
        if len(_SPARE) >= _MOST_SPARE:
            _SPARE.clear()
        _SPARE[self._kind] = self._engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _spare(kind: _Kind) -> Engine | None:
    try:
        return _SPARE.pop(kind)
    except KeyError:
        return None


def open_database(url: str, patience: timedelta = PATIENCE) -> Database:
    """Open the database at ``url`` (SQLAlchemy's form), and make or upgrade its tables where needed.

    Raises ``ConfigurationError`` where the URL is none or the schema is newer than this program,
    ``UnavailableError``, ``DeniedError`` or ``StoreFullError`` where the database cannot serve, and
    ``IntegrityError`` where what lies there is damaged.
    """
    kind = (os.getpid(), url, patience)
    database = Database(_spare(kind) or engine_for(url, patience), kind)
    try:
        with database.reading() as connection:
            current = revision_of(connection) == CURRENT_REVISION
        if not current:
            with database.writing() as connection:
                make_tables(connection)
                upgrade(connection, database.address)
    except BaseException:
        database.close()
        raise
    return database
