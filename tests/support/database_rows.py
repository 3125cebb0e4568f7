"""All rows of an installation's database, with the names of versions in place of row numbers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from support.archives import Archive
from support.flow_runs import surroundings

from flows.installation.settings_file import load_settings
from storage.database import tables
from storage.database.opening import open_database

_NUMBERS = {"id", "version_id"}
_ORDER = {
    "replicas": ("package_id", "store"),
    "tag_digests": ("package_id", "path"),
    "files": ("package_id", "position"),
    "stores": ("name",),
    "readings": ("store", "files_before"),
    "repair_approvals": ("damage_id",),
    "journal": ("seq",),
    "journal_signed_heads": ("seq",),
}


def database_rows(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    """Return every table, in the order in which its rows came, or by what names them."""
    with surroundings(archive):
        url = load_settings(archive.directory).database_url
    with open_database(url) as database, database.reading() as connection:
        named = select(
            tables.packages.c.id,
            tables.versions.c.collection,
            tables.versions.c.name,
            tables.versions.c.number,
        ).join_from(tables.packages, tables.versions)
        names = {
            key: f"{collection}/{name}/v{number}"
            for key, collection, name, number in connection.execute(named)
        }
        return {
            table.name: [
                {
                    column: names[value] if column == "package_id" else value
                    for column, value in row._mapping.items()
                    if column not in _NUMBERS
                }
                for row in connection.execute(
                    select(table).order_by(*(table.c[one] for one in _ORDER.get(table.name, ("id",))))
                )
            ]
            for table in tables.metadata.sorted_tables
        }
