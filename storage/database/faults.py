"""What a database says when it cannot: translated into the errors that everybody else knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from preservation.errors import (
    DeniedError,
    IntegrityError,
    PreservationError,
    StoreFullError,
    UnavailableError,
)

_PRIMARY_CODE = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest byte."""


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Raise what the database ``database`` (its address, without password) reports as an error of ours.

    A fault of our own, such as a statement it does not understand, goes through as it is.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        translation = _of_sqlite(original, database) or _of_postgresql(original, database)
        if translation is None and isinstance(error, DBAPIError) and error.connection_invalidated:
            translation = _unavailable(database, "the connection was lost")
        if translation is None:
            raise
        raise translation from error


def _of_sqlite(error: BaseException | None, database: str) -> PreservationError | None:
    if not isinstance(error, sqlite3.Error):
        return None
    translation: PreservationError | None = None
    match getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            translation = _unavailable(database, "another process has it locked")
        case sqlite3.SQLITE_CANTOPEN:
            translation = _unavailable(
                database, "it cannot be opened; see that its folder exists and is ours"
            )
        case sqlite3.SQLITE_IOERR:
            translation = _unavailable(database, f"the disk did not answer ({error})")
        case sqlite3.SQLITE_FULL:
            translation = _full(database)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            translation = _denied(database)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            translation = _damaged(database, error)
        case _ if "decode to UTF-8" in str(error):
            # Python's own finding, and it comes without a code.
            translation = _damaged(database, error)
        case _:
            pass
    return translation


def _of_postgresql(error: BaseException | None, database: str) -> PreservationError | None:
    """Tell by SQLSTATE (PostgreSQL, appendix A); a driver that never connected has none to give."""
    state = getattr(error, "sqlstate", "")
    if state is None and type(error).__name__ == "OperationalError":
        return _unavailable(database, f"no connection ({str(error).strip().splitlines()[0]})")
    match (state or "")[:2], state:
        case _, "53100":
            return _full(database)
        case ("28", _) | (_, "42501" | "25006"):
            return _denied(database)
        case ("08" | "53" | "57" | "40" | "55", _):
            return _unavailable(database, str(error).strip().splitlines()[0])
        case _:
            return None


def _unavailable(database: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"database {database}: {why}; nothing was written, and the same act may be tried again"
    )


def _full(database: str) -> StoreFullError:
    return StoreFullError(f"database {database}: no space is left where it lies; make room and try again")


def _denied(database: str) -> DeniedError:
    return DeniedError(
        f"database {database}: it does not let us write; see to the permissions of its file and folder, "
        "or to the user and password of the database server"
    )


def _damaged(database: str, error: sqlite3.Error) -> IntegrityError:
    return IntegrityError(
        f"database {database}: it is damaged or not a database ({error}); put it aside and restore it "
        "from a backup, or rebuild it from a store"
    )
