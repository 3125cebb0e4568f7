"""A new SQLite database is the one that the migrations would make."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.database.new_database import SCHEMA, migrated_schema
from storage.database.opening import open_database


def words_of(schema: str) -> list[list[str]]:
    """The words of each statement: SQLAlchemy draws the order of a table's constraints."""
    return sorted(sorted(re.split(r"[\s,]+", statement)) for statement in schema.split(";\n"))


def dump_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as made:
        assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return "\n".join(made.iterdump())


def test_the_schema_is_that_of_the_migrations():
    assert words_of(migrated_schema()) == words_of(SCHEMA.read_text()), (
        "the migrations end otherwise: make schema"
    )


def test_a_new_database_has_every_table_index_and_trigger_of_it(tmp_path: Path):
    open_database(f"sqlite:///{tmp_path / 'new.db'}").close()
    lines = dump_of(tmp_path / "new.db").splitlines()
    assert (lines.pop(0), lines.pop()) == ("BEGIN TRANSACTION;", "COMMIT;")
    assert "\n".join(line.rstrip() for line in lines) + "\n" == SCHEMA.read_text()
    # The revision, and the head of an empty journal; nothing of where it was written.
    assert SCHEMA.read_text().count("INSERT INTO") == 2


def test_where_tables_of_others_lie_nothing_of_them_is_taken_for_ours(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs:
        theirs.execute("CREATE TABLE shelves (name TEXT)")
        theirs.execute("INSERT INTO shelves VALUES ('oak')")
        theirs.commit()
    with open_database(f"sqlite:///{tmp_path / 'theirs.db'}") as database, database.reading() as connection:
        assert connection.exec_driver_sql("SELECT name FROM shelves").scalar() == "oak"
        assert connection.exec_driver_sql("SELECT count(*) FROM journal_head").scalar() == 1
