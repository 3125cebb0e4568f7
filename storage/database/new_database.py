"""A new SQLite database, made from the schema that the migrations end in.

To migrate a new database takes half a second of processor time, always to the same tables. ``schema.sql`` has
those, and the revision that they are of. ``python -m storage.database.new_database FILE`` writes them anew.
"""

import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, inspect

from storage.database.engines import WRITES, engine_for
from storage.database.upgrading import upgrade

SCHEMA = Path(__file__).with_name("schema.sql")

_OF_THE_DUMP = ("BEGIN TRANSACTION;", "COMMIT;")


def make_tables(connection: Connection) -> None:
    """Make the tables in the writing transaction of ``connection``, in a SQLite database that has none."""
    if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        return
    statement = ""
    for line in SCHEMA.read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.exec_driver_sql(statement)
            statement = ""


def migrated_schema() -> str:
    """Return what the migrations make of a new database, as SQL."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.db"
        engine = engine_for(f"sqlite:///{file}", timedelta(seconds=1))
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            upgrade(connection, "new.db")
        engine.dispose()
        with closing(sqlite3.connect(file)) as made:
            statements = [one for one in made.iterdump() if one not in _OF_THE_DUMP]
    lines = "\n".join(statements).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(migrated_schema(), encoding="utf-8")
