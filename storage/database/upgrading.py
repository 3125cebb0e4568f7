"""Bringing a database's tables to what this program expects.

Alembic takes half a second to import, so it is used only where the schema is not current; a new SQLite
database gets it otherwise (``new_database``).
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.sql import column, table

from preservation.errors import ConfigurationError

CURRENT_REVISION = "0006"
"""The newest migration (a test compares it with the migrations)."""

MIGRATIONS = Path(__file__).parent / "migrations"

_REVISION_TABLE = "alembic_version"
_UPGRADE_LOCK = 0x6D756E69
"""Any number that only this program uses as a PostgreSQL advisory lock."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database's schema, ``None`` where it has no tables of ours."""
    if not inspect(connection).has_table(_REVISION_TABLE):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(_REVISION_TABLE)))


def upgrade(connection: Connection, address: str) -> None:
    """Upgrade the schema within the writing transaction of ``connection``, without loss.

    Does nothing where another process was faster. Raises ``ConfigurationError`` where the schema
    is newer than this program; ``address`` names the database in it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
    revision = revision_of(connection)
    if revision == CURRENT_REVISION:
        return

    from alembic import command  # noqa: PLC0415  see the module's docstring
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigurationError(
            f"database {address}: its schema ({revision}) is newer than this program "
            f"({CURRENT_REVISION}); install the Muniment that wrote it, or a later one"
        )
    command.upgrade(config, "head")
