"""From a database's errors to ours."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

from preservation.errors import (
    ConfigurationError,
    DeniedError,
    IntegrityError,
    PreservationError,
    StoreFullError,
    UnavailableError,
)

_PRIMARY_CODE = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest byte."""

_WAL_INDEX_BYTES = 32768
"""What SQLite takes at once for the index of its log (its WAL-mode file format, 2.2)."""

_REFUSED = ("authentication failed", "no password supplied", "no pg_hba.conf entry", 'role "')
_NO_SUCH_DATABASE = re.compile('database ".*" does not exist')
"""A server's words, without a code, while it is connected to. In another language it is tried again."""


@contextmanager
def translated(database: str, folder: Path | None = None) -> Iterator[None]:
    """Raise what the database ``database`` (its address, without password) reports as an error of ours.

    ``folder`` is where its file lies, if it is one: SQLite does not always report that its disk is full.
    A fault of our own, such as a statement that it does not understand, is raised unchanged.
    """
    try:
        yield
    except NoFreeConnectionError as error:
        raise _unavailable(database, "this process keeps all its connections busy") from error
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        translation = _of_sqlite(original, database, folder) or _of_postgresql(original, database)
        if translation is None and isinstance(error, DBAPIError) and error.connection_invalidated:
            translation = _unavailable(database, "the connection was lost")
        if translation is None:
            raise
        raise translation from error


def _of_sqlite(error: BaseException | None, database: str, folder: Path | None) -> PreservationError | None:
    if not isinstance(error, sqlite3.Error):
        return None
    translation: PreservationError | None = None
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if "decode to UTF-8" in str(error):
        # Python's own finding, and it comes without a code.
        code = sqlite3.SQLITE_CORRUPT
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR} and folder is not None and _is_full(folder):
        code = sqlite3.SQLITE_FULL
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            translation = _unavailable(
                database,
                "another process has it locked, for longer than we wait: end it, or wait until it ends",
            )
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
            translation = IntegrityError(
                f"database {database}: it is damaged or not a database ({error}); put it aside and restore "
                "it from a backup, or make an empty one and run: muniment rebuild"
            )
    return translation


def _is_full(folder: Path) -> bool:
    try:
        space = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count no files: they have zero of them, and never run out.
    return space.f_bavail * space.f_frsize < _WAL_INDEX_BYTES or (space.f_files > 0 and not space.f_favail)


def _of_postgresql(error: BaseException | None, database: str) -> PreservationError | None:
    """Translate by SQLSTATE (PostgreSQL, appendix A); a driver that never connected has none to give."""
    state = getattr(error, "sqlstate", "")
    if state is None:
        return _of_no_connection(type(error).__name__, str(error).strip(), database)
    match state[:2], state:
        case _, "53100":
            return _full(database)
        case ("28", _) | (_, "42501" | "25006"):
            return _denied(database)
        case ("08" | "53" | "57" | "40" | "55", _):
            return _unavailable(database, str(error).strip().splitlines()[0])
        case _:
            return None


def _of_no_connection(kind: str, message: str, database: str) -> PreservationError | None:
    if kind == "ProgrammingError":
        return ConfigurationError(
            f"database {database}: its URL cannot be used ({message}); correct 'url' in [database] of "
            "muniment.toml"
        )
    if kind != "OperationalError":
        return None
    if any(word in message for word in _REFUSED):
        return _denied(database, message)
    if _NO_SUCH_DATABASE.search(message):
        return ConfigurationError(
            f"database {database}: the server has no database of that name; make it "
            "(docs/database.md), or correct 'url' in [database] of muniment.toml"
        )
    return _unavailable(database, f"no connection ({message.splitlines()[0]})")


def _unavailable(database: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"database {database}: {why}; nothing was half written, and the same act may be tried again"
    )


def _full(database: str) -> StoreFullError:
    return StoreFullError(f"database {database}: no space is left where it lies; make room and try again")


def _denied(database: str, message: str = "it does not let us write") -> DeniedError:
    return DeniedError(
        f"database {database}: {message}; check the permissions of its file and folder, "
        "or to the user and password of the database server (docs/database.md)"
    )
