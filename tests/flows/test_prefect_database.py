"""The database that Prefect's server gets is the one that its own migrations would make."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from flows.orchestration.prefect_database import SCHEMA, prepare_database


def words_of(schema: Path) -> list[list[str]]:
    """The words of each statement: SQLAlchemy draws the order of a table's constraints."""
    return sorted(sorted(re.split(r"[\s,]+", statement)) for statement in schema.read_text().split(";\n"))


def test_the_schema_is_that_of_the_migrations_of_the_prefect_that_is_installed(tmp_path: Path):
    made = tmp_path / "schema.sql"
    subprocess.run([sys.executable, "-m", "flows.orchestration.prefect_database", made], check=True)

    assert words_of(made) == words_of(SCHEMA), "Prefect has other tables now: make schema"


def test_a_database_that_is_made_has_every_table_and_index_and_nothing_of_prefects_to_keep_secret(
    tmp_path: Path,
):
    prepare_database(tmp_path)

    with closing(sqlite3.connect(tmp_path / "prefect.db")) as made:
        lines = "\n".join(made.iterdump()).splitlines()
        assert "\n".join(line.rstrip() for line in lines) + "\n" == SCHEMA.read_text()
        assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # The revision, and no key, client or run of where it was written.
    assert SCHEMA.read_text().count("INSERT INTO") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prefect.db"]


def test_a_database_that_exists_is_left_as_it_is(tmp_path: Path):
    (tmp_path / "prefect.db").write_bytes(b"somebody's")

    prepare_database(tmp_path)

    assert (tmp_path / "prefect.db").read_bytes() == b"somebody's"


def test_what_a_crash_left_of_one_is_made_anew(tmp_path: Path):
    (tmp_path / "prefect.db.part").write_bytes(b"half")

    prepare_database(tmp_path)

    with closing(sqlite3.connect(tmp_path / "prefect.db")) as made:
        assert made.execute("SELECT count(*) FROM alembic_version").fetchall() == [(1,)]
    assert not (tmp_path / "prefect.db.part").exists()


def test_where_it_cannot_be_made_prefect_is_left_to_say_why(tmp_path: Path):
    home = tmp_path / "a-file"
    home.write_bytes(b"")

    prepare_database(home / "prefect")

    assert home.read_bytes() == b""
