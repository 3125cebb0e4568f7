"""How much is kept, how submissions ended, and how much of it a store lacks."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from preservation.model.identifiers import CollectionName, StoreName
from preservation.model.verdicts import Verdict
from storage.catalogue import queries
from storage.database import tables
from storage.ports.catalogue import Counts


def counts(connection: Connection, collection: CollectionName | None) -> Counts:
    """Return how much is kept and how submissions ended, of one collection or of all."""
    packages, versions, ends = tables.packages, tables.versions, tables.submissions
    named = select(versions.c.collection, versions.c.name).join_from(packages, versions).distinct()
    totals = select(
        func.count(),
        func.coalesce(func.sum(packages.c.files), 0),
        func.coalesce(func.sum(packages.c.bytes), 0),
    ).select_from(packages)
    ended = select(ends.c.verdict, func.count()).group_by(ends.c.verdict)
    if collection is not None:
        named = named.where(versions.c.collection == collection)
        totals = totals.join(versions).where(versions.c.collection == collection)
        ended = ended.where(ends.c.collection == collection)
    kept, files, size = connection.execute(totals).one()
    return Counts(
        objects=connection.execute(select(func.count()).select_from(named.subquery())).scalar_one(),
        packages=kept,
        files=int(files),
        bytes=int(size),
        conclusions={Verdict(verdict): number for verdict, number in connection.execute(ended)},
    )


def lacked_by(connection: Connection, store: StoreName) -> Mapping[CollectionName, int]:
    """Return how many kept versions of each collection have no replica in ``store``."""
    packages, versions = tables.packages, tables.versions
    query = (
        select(versions.c.collection, func.count())
        .join_from(packages, versions)
        .where(~queries.has_replica_in(store))
        .group_by(versions.c.collection)
    )
    return {CollectionName(name): number for name, number in connection.execute(query)}
