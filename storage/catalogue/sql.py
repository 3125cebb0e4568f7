"""The catalogue in a database, SQLite or PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import (
    Row,
    delete,
    exc,
    insert,
    select,
)

from preservation.errors import UnavailableError
from preservation.model.digests import HexDigest
from preservation.model.events import Event
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    PackageId,
    StoreIdentity,
    StoreName,
    SubmissionId,
)
from preservation.model.packages import Replica
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict
from storage.catalogue import queries, reservations, rows
from storage.catalogue.counts import counts, lacked_by
from storage.catalogue.forget import forget_store
from storage.catalogue.identities import keep_store_identity, store_identities
from storage.catalogue.objects import kept_objects
from storage.database import tables
from storage.database.opening import Database
from storage.journal.sql import append_entries
from storage.ports.catalogue import (
    CatalogueFile,
    Conclusion,
    Counts,
    History,
    KeptObject,
    Registration,
    Reservation,
    has_digests,
    is_registered,
    not_kept,
)

_RESERVATION_TRIES = 20


class SqlCatalogue:
    """A ``Catalogue`` in the database that carries the journal too, so that both change together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self,
        submission: SubmissionId,
        object_id: ObjectId,
        fingerprint: HexDigest,
        doubted: PackageId | None = None,
    ) -> Reservation:
        """Give the submission a version number of the object, or report that its content is kept already."""
        for _ in range(_RESERVATION_TRIES):
            try:
                with self._database.writing() as connection:
                    return reservations.reserve(connection, submission, object_id, fingerprint, doubted)
            except exc.IntegrityError:
                # Another run took that number between our query and our insert; the next query shows it.
                continue
        raise UnavailableError(
            f"database {self._database.address}: no version of {object_id} could be reserved, for other "
            "runs reserve versions of it all the time; preserve the drop again"
        )

    def release(self, submission: SubmissionId) -> None:
        """Give a reserved number back, so that another submission may have it."""
        with self._database.writing() as connection:
            held = queries.version_held_by(connection, submission)
            if held is None:
                return
            if queries.is_registered(connection, held.id):
                raise is_registered(rows.package_of(held))
            connection.execute(delete(tables.versions).where(tables.versions.c.id == held.id))

    def register(
        self, registration: Registration, files: Iterable[CatalogueFile], events: Iterable[Event] = ()
    ) -> None:
        """Record a kept version, its files and the events that record it, in one transaction."""
        with self._database.writing() as connection:
            version_id = reservations.claim(connection, registration)
            package_id = None
            if not queries.is_registered(connection, version_id):
                package_id = reservations.insert_package(connection, registration, version_id, files)
            append_entries(connection, events)
            if package_id is not None:
                collection = registration.package.object.collection
                reservations.insert_readings(connection, package_id, collection, registration.replicas)

    def record_tag_digests(
        self, package: PackageId, digests: Iterable[TagDigest], events: Iterable[Event]
    ) -> None:
        """Record the digests of a kept version that has none, and the events, in one transaction."""
        row = self._package_row(package)
        try:
            with self._database.writing() as connection:
                if queries.tag_digests_of(connection, [row.id])[row.id]:
                    raise has_digests(package)
                connection.execute(
                    insert(tables.tag_digests), [rows.tag_digest_row(one, row.id) for one in digests]
                )
                append_entries(connection, events)
        except exc.IntegrityError as error:
            # Another process recorded them between our query and our insert.
            raise has_digests(package) from error

    def conclude(self, conclusion: Conclusion, events: Iterable[Event] = ()) -> None:
        """Record how a submission ended."""
        table = tables.submissions
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.identifier == conclusion.submission.identifier))
            connection.execute(insert(table), rows.conclusion_row(conclusion))
            append_entries(connection, events)

    def package(self, package: PackageId) -> Registration:
        """Return what is known of one kept version."""
        return self._registrations([self._package_row(package)])[0]

    def tag_digests(self, packages: Sequence[PackageId]) -> Mapping[PackageId, tuple[TagDigest, ...]]:
        """Return the tag digests of those of the versions that are kept."""
        with self._database.reading() as connection:
            keys = queries.package_keys(connection, packages)
            digests = queries.tag_digests_of(connection, list(keys.values()))
        return {package: rows.tag_digests(digests[key]) for package, key in keys.items()}

    def packages(
        self,
        collection: CollectionName | None = None,
        *,
        held_by: StoreName | None = None,
        lacked_by: StoreName | None = None,
        newest_first: bool = False,
    ) -> Iterator[Registration]:
        """Yield every kept version, of one collection or of all, in the order of registration."""
        query = rows.registered_versions()
        if collection is not None:
            query = query.where(tables.versions.c.collection == collection)
        if held_by is not None:
            query = query.where(queries.has_replica_in(held_by))
        if lacked_by is not None:
            query = query.where(~queries.has_replica_in(lacked_by))
        for page in self._database.pages(query, tables.packages.c.id, newest_first=newest_first):
            yield from self._registrations(page)

    def reserved(self) -> Iterator[PackageId]:
        """Yield every version number that is given to a submission and not registered."""
        versions, registered = tables.versions, select(tables.packages.c.version_id)
        query = select(versions).where(versions.c.id.not_in(registered))
        return map(rows.package_of, chain.from_iterable(self._database.pages(query, versions.c.id)))

    def files(self, package: PackageId) -> Iterator[CatalogueFile]:
        """Yield the files of a kept version in the order in which they were registered."""
        query = select(tables.files).where(tables.files.c.package_id == self._package_row(package).id)
        pages = self._database.pages(query, tables.files.c.position)
        return map(rows.catalogue_file, chain.from_iterable(pages))

    def latest(self, object_id: ObjectId) -> Registration | None:
        """Return the kept version of the highest number, or ``None``."""
        registered = self._registered_versions_of(object_id)
        return self._registrations(registered[-1:])[0] if registered else None

    def history(self, object_id: ObjectId) -> History:
        """Return everything known of one object; empty where nothing is."""
        table = tables.submissions
        query = select(table).where(queries.names(table.c, object_id)).order_by(table.c.id)
        with self._database.reading() as connection:
            ends = connection.execute(query).all()
        return History(
            self._registrations(self._registered_versions_of(object_id)),
            tuple(rows.conclusion(row) for row in ends),
        )

    def conclusions(self, verdict: Verdict | None = None) -> Iterator[Conclusion]:
        """Yield how submissions ended, latest first."""
        table = tables.submissions
        query = select(table)
        if verdict is not None:
            query = query.where(table.c.verdict == verdict.value)
        pages = self._database.pages(query, table.c.id, newest_first=True)
        return map(rows.conclusion, chain.from_iterable(pages))

    def lacked_by(self, store: StoreName) -> Mapping[CollectionName, int]:
        """Return how many kept versions of each collection have no replica in ``store``."""
        with self._database.reading() as connection:
            return lacked_by(connection, store)

    def add_replica(self, package: PackageId, replica: Replica, events: Iterable[Event] = ()) -> None:
        """Record another replica of a kept version, and the events that record it."""
        package_id = self._package_row(package).id
        table = tables.replicas
        mine = (table.c.package_id == package_id) & (table.c.store == replica.store)
        with self._database.writing() as connection:
            if connection.scalar(select(table.c.store).where(mine)) is None:
                connection.execute(insert(table), rows.replica_row(replica, package_id))
                append_entries(connection, events)
                reservations.insert_readings(connection, package_id, package.object.collection, [replica])

    def forget_store(
        self,
        store: StoreName,
        replicas: int,
        *,
        at: datetime,
        by: str,
        because: str,
        event_of: Callable[[PackageId], Event],
    ) -> None:
        """Strike every replica in ``store``, when each was read, and its identity, in one transaction."""
        with self._database.writing() as connection:
            forget_store(connection, store, replicas, (at, by, because), event_of)

    def store_identities(self) -> Mapping[StoreName, StoreIdentity]:
        """Return the identity of each store that has one."""
        with self._database.reading() as connection:
            return store_identities(connection)

    def keep_store_identity(self, store: StoreName, identity: StoreIdentity) -> None:
        """Record the identity that a store has from now on."""
        with self._database.writing() as connection:
            keep_store_identity(connection, store, identity)

    def objects(self, collection: CollectionName | None = None, search: str = "") -> Iterator[KeptObject]:
        """Yield every object that is kept, of one collection or of all, a page at a time."""
        return kept_objects(self._database, collection, search)

    def counts(self, collection: CollectionName | None = None) -> Counts:
        """Return how much is kept and how submissions ended, of one collection or of all."""
        with self._database.reading() as connection:
            return counts(connection, collection)

    def _package_row(self, package: PackageId) -> Row[Any]:
        query = rows.registered_versions().where(queries.is_version(package))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise not_kept(package)
        return row

    def _registered_versions_of(self, object_id: ObjectId) -> Sequence[Row[Any]]:
        query = rows.registered_versions().where(queries.names(tables.versions.c, object_id))
        with self._database.reading() as connection:
            return connection.execute(query.order_by(tables.versions.c.number)).all()

    def _registrations(self, page: Sequence[Row[Any]]) -> tuple[Registration, ...]:
        with self._database.reading() as connection:
            packages = [row.id for row in page]
            replicas, digests = (
                queries.replicas_of(connection, packages),
                queries.tag_digests_of(connection, packages),
            )
        return tuple(
            rows.registration(row, tuple(replicas[row.id]), rows.tag_digests(digests[row.id])) for row in page
        )
