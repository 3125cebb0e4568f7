"""The database below the catalogue and the journal: opened, upgraded, and its faults told in our words."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from services.small_disks import small_disk
from sqlalchemy import Engine, exc, make_url, select
from support.records import MOMENT, a_registration, an_event, events, files_of_package, sha256_of

from preservation.errors import (
    ConfigurationError,
    IntegrityError,
    PreservationError,
    StoreFullError,
    UnavailableError,
)
from storage.catalogue.sql import SqlCatalogue
from storage.database import tables
from storage.database.faults import translated
from storage.database.opening import Database, open_database
from storage.database.upgrading import CURRENT_REVISION, MIGRATIONS
from storage.journal.sql import SqlJournal
from storage.moments import moment_text, parse_moment

IMPATIENT = timedelta(milliseconds=50)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_the_newest_migration_is_the_one_that_is_expected():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == CURRENT_REVISION


def test_a_database_that_is_new_or_current_is_opened_without_alembic(tmp_path: Path, project: Path):
    url = url_of(tmp_path / "a b%20c.db")
    program = (
        "import sys; from storage.database.opening import open_database; open_database(sys.argv[1]).close(); "
        "open_database(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, url], cwd=project, check=False).returncode == 0


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path):
    url = url_of(tmp_path / "records.db")
    registered = a_registration("maps/sheet/v1", "01")
    with open_database(url) as database:
        SqlCatalogue(database).register(registered, files_of_package(), [an_event(1)])
    with open_database(url) as database:
        assert SqlCatalogue(database).package(registered.package) == registered
        assert SqlJournal(database).head().seq == 1


def test_a_version_that_was_reserved_is_registered_in_every_column(tmp_path: Path):
    registered = a_registration("maps/sheet/v1", "01", "in the end")
    found = []
    for name in ("reserved", "at once"):
        with open_database(url_of(tmp_path / f"{name}.db")) as database:
            catalogue = SqlCatalogue(database)
            if name == "reserved":
                catalogue.reserve(registered.submission, registered.package.object, sha256_of("at first"))
            catalogue.register(registered, files_of_package())
            with database.reading() as connection:
                queries = [select(table) for table in (tables.versions, tables.packages, tables.replicas)]
                found.append([row._asdict() for query in queries for row in connection.execute(query)])
    assert found[0] == found[1]
    assert [row for row in found[0] if None in row.values()] == []


def test_sqlite_keeps_its_promises_through_a_power_cut_and_serves_many(tmp_path: Path):
    with open_database(url_of(tmp_path / "records.db")) as database, database.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_locked_database_may_be_tried_again_and_is_named(tmp_path: Path):
    path = tmp_path / "records.db"
    open_database(url_of(path)).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_database(url_of(path), patience=IMPATIENT) as database:
        with pytest.raises(UnavailableError, match=r"records\.db.*locked") as caught:
            SqlJournal(database).append([an_event(1)])
        assert caught.value.retryable
        other.execute("COMMIT")
        assert SqlJournal(database).append([an_event(1)]).entries == 1
    other.close()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path):
    url = url_of(tmp_path / "records.db")
    with open_database(url, patience=IMPATIENT) as database, database.writing():
        assert SqlJournal(database).head().seq == 0


def test_a_full_database_is_told_as_full(tmp_path: Path):
    with open_database(url_of(tmp_path / "records.db")) as database:
        with database.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            # The pool's one connection keeps the limit.
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFullError, match="make room"):
            SqlCatalogue(database).register(a_registration("maps/sheet/v1", "01"), files_of_package(5000))
        assert list(SqlCatalogue(database).packages()) == []


@pytest.mark.parametrize("left", [0, 8192, 20480, 32768])
@pytest.mark.parametrize("new", [True, False], ids=["a new one", "one that is there"])
def test_a_database_on_a_full_disk_is_told_as_full_whatever_sqlite_calls_it(
    tmp_path: Path, left: int, *, new: bool
):
    folder = tmp_path / "state"
    url = url_of(folder / "records.db")
    with small_disk(folder, "4m") as disk:
        if not new:
            open_database(url).close()
        ballast = disk.fill(leaving=left)
        told_as_full = pytest.raises(StoreFullError, match=r"records\.db: no space is left")
        with told_as_full, open_database(url) as database:
            SqlJournal(database).append(events(range(5000)))
        ballast.unlink()
        with open_database(url) as database:
            assert SqlJournal(database).append(events(range(5000))).entries == 5000


def test_a_database_on_a_disk_that_takes_no_more_files_is_told_as_full(tmp_path: Path):
    folder = tmp_path / "state"
    with small_disk(folder, "4m,nr_inodes=2"):
        (folder / "another").touch()
        with pytest.raises(StoreFullError, match=r"records\.db: no space is left"):
            open_database(url_of(folder / "records.db"))


def test_a_faulty_disk_with_room_is_not_told_as_full(tmp_path: Path):
    original = sqlite3.OperationalError("disk I/O error")
    original.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with pytest.raises(UnavailableError, match="the disk did not answer"), translated("records", tmp_path):
        raise original


def test_what_is_no_database_is_an_integrity_error(tmp_path: Path):
    path = tmp_path / "records.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(IntegrityError, match="rebuild"):
        open_database(url_of(path))


def test_a_name_that_was_damaged_is_an_integrity_error(tmp_path: Path):
    with open_database(url_of(tmp_path / "records.db")) as database:
        catalogue = SqlCatalogue(database)
        catalogue.register(a_registration("maps/sheet/v1", "01"), files_of_package())
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE versions SET name = CAST(x'FF' AS TEXT)")
        with pytest.raises(IntegrityError, match="damaged"):
            list(catalogue.packages())


def test_a_missing_folder_is_told_with_the_next_step(tmp_path: Path):
    with pytest.raises(UnavailableError, match="folder"):
        open_database(url_of(tmp_path / "nothing" / "records.db"))


@pytest.mark.parametrize("url", ["", "rubbish", "nosuch:///x", "postgresql+nosuch://localhost/x"])
def test_a_url_that_is_none_is_a_fault_of_the_settings(url: str):
    with pytest.raises(ConfigurationError, match=r"muniment\.toml"):
        open_database(url)


def test_a_password_is_never_shown():
    url = "postgresql+nosuch://archive:secret@localhost/muniment"
    with pytest.raises(ConfigurationError) as caught:
        open_database(url)
    assert "secret" not in str(caught.value)
    engine = cast("Engine", SimpleNamespace(url=make_url(url)))
    assert (
        Database(engine, (0, url, IMPATIENT)).address == "postgresql+nosuch://archive:***@localhost/muniment"
    )


def test_a_database_that_is_closed_twice_takes_nothing_from_who_opened_it_since(tmp_path: Path):
    url = f"{url_of(tmp_path / 'records.db')}"
    first = open_database(url)
    first.close()
    with open_database(url) as second, second.reading() as connection:
        first.close()
        assert connection.exec_driver_sql("SELECT count(*) FROM journal_head").scalar() == 1
        with open_database(url) as third:
            assert third._engine is not second._engine


class OperationalError(Exception):
    """What a PostgreSQL driver raises, as far as we look at it."""

    def __init__(self, message: str, sqlstate: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        (None, "UnavailableError"),
        ("57P01", "UnavailableError"),
        ("40P01", "UnavailableError"),
        ("53300", "UnavailableError"),
        ("53100", "StoreFullError"),
        ("28P01", "DeniedError"),
        ("42501", "DeniedError"),
    ],
)
def test_what_postgresql_says_is_told_in_our_words(sqlstate: str | None, expected: str):
    original = OperationalError("it says so\nand more", sqlstate)
    name = "the database's name"
    with pytest.raises(PreservationError, match=name) as caught, translated(name):
        raise exc.OperationalError("SELECT 1", {}, original)
    assert type(caught.value).__name__ == expected


def test_a_fault_of_our_own_goes_through_as_it_is(tmp_path: Path):
    with (
        open_database(url_of(tmp_path / "records.db")) as database,
        pytest.raises(exc.OperationalError, match="syntax"),
        database.reading() as connection,
    ):
        connection.exec_driver_sql("SELEKT 1")


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001  made UTC below
def test_moments_come_back_and_their_text_is_in_order(at: datetime, hours: int):
    utc = at.replace(tzinfo=UTC)
    assert parse_moment(moment_text(utc)) == utc
    assert moment_text(utc.astimezone(timezone(timedelta(hours=hours)))) == moment_text(utc)
    assert (moment_text(utc) < moment_text(MOMENT)) == (utc < MOMENT)


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        moment_text(datetime(2026, 11, 21))  # noqa: DTZ001  that is what is tested


@pytest.mark.parametrize("text", ["", "2026-11-21", "2026-11-21T01:15:00Z", "2026-13-21T01:15:00.000000Z"])
def test_a_moment_written_otherwise_is_refused(text: str):
    with pytest.raises(ValueError):  # noqa: PT011  the sentence is ours or the standard library's
        parse_moment(text)
