"""What is kept, object by object, a page at a time."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, func, literal, select, tuple_

from preservation.model.identifiers import CollectionName
from storage.catalogue import rows
from storage.database import tables
from storage.database.opening import Database
from storage.ports.catalogue import KeptObject

_OBJECTS = 500
"""So many a page."""


def kept_objects(database: Database, collection: CollectionName | None, search: str) -> Iterator[KeptObject]:
    """Yield every object that is kept, of one collection or of all; each page is a transaction of its own."""
    versions, packages = tables.versions, tables.packages
    place = tuple_(versions.c.collection, versions.c.name)
    grouped = (
        select(
            versions.c.collection,
            versions.c.name,
            func.max(versions.c.number).label("latest"),
            func.count().label("versions"),
        )
        .join_from(versions, packages)
        .group_by(versions.c.collection, versions.c.name)
        .order_by(versions.c.collection, versions.c.name)
        .limit(_OBJECTS)
    )
    if collection is not None:
        grouped = grouped.where(versions.c.collection == collection)
    if search:
        grouped = grouped.where(versions.c.name.icontains(search, autoescape=True))
    next_page = grouped
    while True:
        page = _page(database, next_page)
        yield from page
        if len(page) < _OBJECTS:
            return
        last = page[-1].package.object
        next_page = grouped.where(place > tuple_(literal(last.collection), literal(last.name)))


def _page(database: Database, grouped: Select[Any]) -> list[KeptObject]:
    versions, page = tables.versions, grouped.subquery()
    of_object = and_(
        versions.c.collection == page.c.collection,
        versions.c.name == page.c.name,
        versions.c.number == page.c.latest,
    )
    query = (
        rows.registered_versions()
        .add_columns(page.c.versions)
        .join(page, of_object)
        .order_by(versions.c.collection, versions.c.name)
    )
    with database.reading() as connection:
        return [
            KeptObject(rows.package_of(row), row.versions, row.files, row.bytes, row.registered_at)
            for row in connection.execute(query)
        ]
