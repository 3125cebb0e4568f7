"""What is kept as numbers, added up by the database that has catalogue and audits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy import String, case, func, outerjoin, select, type_coerce

from preservation.model.formats import Puid
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from storage.catalogue import rows
from storage.database import tables
from storage.database.opening import Database
from storage.ports.holdings import FormatHolding, MonthOfGrowth, ReadingDay

_MONTH, _DAY = 7, 10
"""So many characters of a moment are its month, and its day."""

_BATCH = 500
"""Versions a statement."""


class SqlHoldings:
    """``Holdings`` of a database, SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def growth(self, collection: CollectionName | None = None) -> Iterator[MonthOfGrowth]:
        """Yield what came in each month, by month and collection."""
        versions, packages = tables.versions.c, tables.packages.c
        month = func.substr(type_coerce(packages.registered_at, String), 1, _MONTH).label("month")
        query = (
            select(
                month,
                versions.collection,
                func.sum(case((versions.number == 1, 1), else_=0)),
                func.count(),
                func.sum(packages.files),
                func.sum(packages.bytes),
            )
            .join_from(tables.packages, tables.versions)
            .group_by(month, versions.collection)
            .order_by(month, versions.collection)
        )
        if collection is not None:
            query = query.where(versions.collection == collection)
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        for at, name, objects, kept, files, size in found:
            first_day = date.fromisoformat(f"{at}-01")
            yield MonthOfGrowth(CollectionName(name), first_day, int(objects), kept, int(files), int(size))

    def formats(self, collection: CollectionName | None = None) -> tuple[FormatHolding, ...]:
        """Return how many files each format has, the most frequent first."""
        files = tables.files.c
        query = select(files.puid, func.count(), func.sum(files.size)).group_by(files.puid)
        if collection is not None:
            query = (
                query.select_from(tables.files)
                .join(tables.packages)
                .join(tables.versions)
                .where(tables.versions.c.collection == collection)
            )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        holdings = [
            FormatHolding(None if puid is None else Puid(puid), number, int(size))
            for puid, number, size in found
        ]
        return tuple(sorted(holdings, key=lambda one: (-one.files, one.puid or "")))

    def versions_with(self, puids: Collection[Puid]) -> Iterator[PackageId]:
        """Yield each version that has a file of one of these formats."""
        # Files are gone through once: no page of versions asks for them again.
        having = select(tables.files.c.package_id).where(tables.files.c.puid.in_(puids)).distinct()
        with self._database.reading() as connection:
            found = sorted(connection.scalars(having))
        for start in range(0, len(found), _BATCH):
            batch = tables.packages.c.id.in_(found[start : start + _BATCH])
            query = rows.registered_versions().where(batch).order_by(tables.packages.c.id)
            with self._database.reading() as connection:
                page = connection.execute(query).all()
            yield from map(rows.package_of, page)

    def versions_by_stores(self, stores: Sequence[StoreName]) -> Mapping[frozenset[StoreName], int]:
        """Return how many versions have a replica in just these of ``stores``."""
        packages, replicas = tables.packages.c, tables.replicas.c
        # A set is a sum of powers of two: databases have no word for sets that is the same in all.
        power = case(*((replicas.store == store, 1 << at) for at, store in enumerate(stores)), else_=0)
        having = (
            select(packages.id, func.sum(power).label("stores"))
            .select_from(outerjoin(tables.packages, tables.replicas))
            .group_by(packages.id)
            .subquery()
        )
        query = select(having.c.stores, func.count()).group_by(having.c.stores)
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return {
            frozenset(store for at, store in enumerate(stores) if int(held) >> at & 1): number
            for held, number in found
        }

    def reading_days(self, collection: CollectionName | None = None) -> Iterator[ReadingDay]:
        """Yield when replicas were read last, by store, collection and day."""
        readings = tables.readings.c
        day = func.substr(type_coerce(readings.read_at, String), 1, _DAY).label("day")
        query = (
            select(
                readings.store,
                readings.collection,
                day,
                func.count(),
                func.sum(readings.files),
                func.sum(readings.bytes),
            )
            .group_by(readings.store, readings.collection, day)
            .order_by(readings.store, readings.collection, day)
        )
        if collection is not None:
            query = query.where(readings.collection == collection)
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        for store, name, at, replicas, files, size in found:
            when = date.fromisoformat(at)
            yield ReadingDay(StoreName(store), CollectionName(name), when, replicas, int(files), int(size))
