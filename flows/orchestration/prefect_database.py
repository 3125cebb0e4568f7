"""A new database for Prefect's server, made from the schema that its migrations end in.

To migrate a new SQLite database takes Prefect five seconds of processor time, always to the same tables.
``prefect_schema.sql`` has those, and the revision that they are of: Prefect finds nothing to migrate, or goes
on from there. ``python -m flows.orchestration.prefect_database FILE`` has Prefect write them anew.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

SCHEMA = Path(__file__).with_name("prefect_schema.sql")


def prepare_database(home: Path) -> None:
    """Make the database of the server whose home is ``home``, where there is none.

    One that exists is left as it is. Where it cannot be made here Prefect makes it itself, or says why not.
    """
    database, part = home / "prefect.db", home / "prefect.db.part"
    if database.exists():
        return
    with suppress(OSError, sqlite3.Error):
        with closing(sqlite3.connect(":memory:")) as connection, part.open("wb") as sink:
            connection.executescript(SCHEMA.read_text(encoding="utf-8"))
            sink.write(connection.serialize())
            sink.flush()
            os.fsync(sink.fileno())
        part.rename(database)


def migrated_schema() -> str:
    """Return what Prefect's own migrations make of a new database, as SQL."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["PREFECT_HOME"] = home
        from prefect.server.database import provide_database_interface  # noqa: PLC0415  costs seconds

        asyncio.run(provide_database_interface().create_db())
        with closing(sqlite3.connect(Path(home) / "prefect.db")) as connection:
            lines = "\n".join(connection.iterdump()).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(migrated_schema(), encoding="utf-8")
