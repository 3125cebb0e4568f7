"""What is PostgreSQL's own: its connections, its locks, its refusals, told in our words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from services.postgres import PASSWORD_PARTS, Server
from sqlalchemy import exc, text
from support.records import an_event, events

from preservation.errors import ConfigurationError, DeniedError, PreservationError, UnavailableError
from storage.database.opening import Database, open_database
from storage.journal.sql import SqlJournal

IMPATIENT = timedelta(milliseconds=50)


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.new_database()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_spelling_of_the_scheme_will_do(url: str, scheme: str):
    with open_database(url.replace("postgresql", scheme, 1)) as database:
        assert SqlJournal(database).append([an_event(1)]).entries == 1


def test_a_writer_that_waits_too_long_for_another_is_told_so(url: str):
    with open_database(url, patience=IMPATIENT) as database:
        journal = SqlJournal(database)
        with psycopg.connect(url) as other:
            other.execute("SELECT * FROM journal_head FOR UPDATE")
            with pytest.raises(UnavailableError, match="lock timeout") as caught:
                journal.append([an_event(1)])
            assert caught.value.retryable
            assert journal.head().seq == 0
        assert journal.append([an_event(1)]).entries == 1


def test_a_reader_sees_one_moment_and_cannot_write(url: str):
    with open_database(url) as database:
        with database.reading() as connection:
            count = text("SELECT count(*) FROM journal")
            assert connection.scalar(count) == 0
            SqlJournal(database).append(events(range(3)))
            assert connection.scalar(count) == 0
        with pytest.raises(DeniedError), database.reading() as connection:
            connection.execute(text("DELETE FROM replicas"))


@pytest.mark.parametrize(
    "statement", ["UPDATE journal SET subject = 'x'", "DELETE FROM journal", "TRUNCATE journal"]
)
def test_the_server_itself_guards_the_journal_against_mistakes(url: str, statement: str):
    with open_database(url) as database:
        SqlJournal(database).append(events(range(3)))
        with pytest.raises(exc.DBAPIError, match="append-only"), database.writing() as connection:
            connection.execute(text(statement))
        assert SqlJournal(database).head().seq == 3


def test_a_connection_that_died_while_nobody_looked_is_replaced_unseen(url: str):
    with open_database(url) as database:
        journal = SqlJournal(database)
        journal.append([an_event(1)])
        with psycopg.connect(url, autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert journal.append([an_event(2)]).entries == 1


@pytest.mark.parametrize(
    ("spoil", "expected", "told"),
    [
        (lambda url: f"{url}_not", ConfigurationError, "no database of that name"),
        (lambda url: f"{url}?colour=blue", ConfigurationError, "colour"),
        (lambda url: url.replace("%40", "%41"), DeniedError, "authentication failed"),
        (lambda url: url.replace("archivist", "nobody"), DeniedError, "nobody"),
        (lambda url: f"{url}?port=1", UnavailableError, "no connection"),
        (lambda url: url.replace("127.0.0.1:", "127.0.0.1:Pass"), ConfigurationError, "cannot be read"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_with_the_next_step_and_no_password(
    url: str, spoil: Callable[[str], str], expected: type[PreservationError], told: str
):
    with pytest.raises(expected, match=told) as caught:
        open_database(spoil(url))
    said = f"{caught.value} {caught.value.__cause__}"
    assert not [part for part in PASSWORD_PARTS if part in said], said


def test_a_password_in_the_query_is_not_shown_either(url: str):
    bare, password = url.replace(":Pass%3Aw%2Frd%401", ""), "Pass%3Aw%2Frd%401"
    with open_database(f"{bare}?password={password}") as database:
        assert database.address == bare.replace("postgresql", "postgresql+psycopg")


def test_a_user_who_may_not_make_tables_is_told_so(url: str):
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS reader")
        owner.execute("CREATE ROLE reader LOGIN PASSWORD 'reads'")
    reader = url.replace("archivist", "reader").replace("Pass%3Aw%2Frd%401", "reads")
    with pytest.raises(DeniedError, match="permissions"):
        open_database(reader)


def test_more_threads_than_connections_wait_for_each_other(url: str):
    with open_database(url, patience=IMPATIENT) as database:
        assert isinstance(database, Database)
        held = [database.reading() for _ in range(15)]
        for context in held:
            context.__enter__()
        with pytest.raises(UnavailableError, match="busy"):
            SqlJournal(database).head()
        held.pop().__exit__(None, None, None)
        assert SqlJournal(database).head().seq == 0
        for context in held:
            context.__exit__(None, None, None)


def test_names_are_utf8_whatever_the_surroundings_have_libpq_ask_for(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    address = f"{url}{'&' if '?' in url else '?'}client_encoding=latin1"
    with open_database(address) as database, database.reading() as connection:
        assert connection.scalar(text("SHOW client_encoding")) == "UTF8"
        assert connection.scalar(text("SELECT :name"), {"name": "Größe 日本"}) == "Größe 日本"
