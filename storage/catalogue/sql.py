"""The catalogue in a database, SQLite or PostgreSQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exc,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
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
    VersionNumber,
)
from preservation.model.packages import Replica
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict
from storage.catalogue import rows
from storage.database import tables
from storage.database.opening import Database
from storage.journal.sql import append_entries
from storage.ports.catalogue import (
    AlreadyKept,
    CatalogueFile,
    Conclusion,
    Counts,
    History,
    KeptObject,
    Registration,
    Reservation,
    Reserved,
    belongs_to,
    has_digests,
    holds_another,
    is_another_store,
    is_registered,
    not_kept,
)

_BATCH = 1000
_OBJECTS = 500
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
                    return _reserve(connection, submission, object_id, fingerprint, doubted)
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
            held = _version_held_by(connection, submission)
            if held is None:
                return
            if _is_registered(connection, held.id):
                raise is_registered(rows.package_of(held))
            connection.execute(delete(tables.versions).where(tables.versions.c.id == held.id))

    def register(
        self, registration: Registration, files: Iterable[CatalogueFile], events: Iterable[Event] = ()
    ) -> None:
        """Record a kept version, its files and the events that record it, in one transaction."""
        with self._database.writing() as connection:
            version_id = _claim(connection, registration)
            if not _is_registered(connection, version_id):
                _insert_package(connection, registration, version_id, files)
            append_entries(connection, events)

    def record_tag_digests(
        self, package: PackageId, digests: Iterable[TagDigest], events: Iterable[Event]
    ) -> None:
        """Record the digests of a kept version that has none, and the events, in one transaction."""
        row = self._package_row(package)
        try:
            with self._database.writing() as connection:
                if _tag_digests_of(connection, [row.id])[row.id]:
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
            query = query.where(_has_replica_in(held_by))
        if lacked_by is not None:
            query = query.where(~_has_replica_in(lacked_by))
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
        query = select(table).where(_names(table.c, object_id)).order_by(table.c.id)
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
        packages, versions = tables.packages, tables.versions
        query = (
            select(versions.c.collection, func.count())
            .join_from(packages, versions)
            .where(~_has_replica_in(store))
            .group_by(versions.c.collection)
        )
        with self._database.reading() as connection:
            return {CollectionName(name): number for name, number in connection.execute(query)}

    def add_replica(self, package: PackageId, replica: Replica, events: Iterable[Event] = ()) -> None:
        """Record another replica of a kept version, and the events that record it."""
        package_id = self._package_row(package).id
        table = tables.replicas
        mine = (table.c.package_id == package_id) & (table.c.store == replica.store)
        with self._database.writing() as connection:
            if connection.scalar(select(table.c.store).where(mine)) is None:
                connection.execute(insert(table), rows.replica_row(replica, package_id))
                append_entries(connection, events)

    def store_identities(self) -> Mapping[StoreName, StoreIdentity]:
        """Return the identity of each store that has one."""
        with self._database.reading() as connection:
            return {
                StoreName(row.name): StoreIdentity(row.identity)
                for row in connection.execute(select(tables.stores))
            }

    def keep_store_identity(self, store: StoreName, identity: StoreIdentity) -> None:
        """Record the identity that a store has from now on."""
        table = tables.stores
        with self._database.writing() as connection:
            owner = connection.scalar(select(table.c.name).where(table.c.identity == identity))
            if owner not in {None, store}:
                raise is_another_store(store, identity, StoreName(owner))
            connection.execute(delete(table).where(table.c.name == store))
            connection.execute(insert(table), {"name": store, "identity": identity})

    def objects(self, collection: CollectionName | None = None, search: str = "") -> Iterator[KeptObject]:
        """Yield every object that is kept, of one collection or of all, a page at a time."""
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
            page = self._objects_of(next_page)
            yield from page
            if len(page) < _OBJECTS:
                return
            last = page[-1].package.object
            next_page = grouped.where(place > tuple_(literal(last.collection), literal(last.name)))

    def _objects_of(self, grouped: Select[Any]) -> list[KeptObject]:
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
        with self._database.reading() as connection:
            return [
                KeptObject(rows.package_of(row), row.versions, row.files, row.bytes, row.registered_at)
                for row in connection.execute(query)
            ]

    def counts(self, collection: CollectionName | None = None) -> Counts:
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
        objects = named.subquery()
        with self._database.reading() as connection:
            kept, files, size = connection.execute(totals).one()
            by_verdict = connection.execute(ended)
            return Counts(
                objects=connection.execute(select(func.count()).select_from(objects)).scalar_one(),
                packages=kept,
                files=int(files),
                bytes=int(size),
                conclusions={Verdict(verdict): number for verdict, number in by_verdict},
            )

    def _package_row(self, package: PackageId) -> Row[Any]:
        query = rows.registered_versions().where(_is_version(package))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise not_kept(package)
        return row

    def _registered_versions_of(self, object_id: ObjectId) -> Sequence[Row[Any]]:
        query = rows.registered_versions().where(_names(tables.versions.c, object_id))
        with self._database.reading() as connection:
            return connection.execute(query.order_by(tables.versions.c.number)).all()

    def _registrations(self, page: Sequence[Row[Any]]) -> tuple[Registration, ...]:
        with self._database.reading() as connection:
            packages = [row.id for row in page]
            replicas, digests = _replicas_of(connection, packages), _tag_digests_of(connection, packages)
        return tuple(
            rows.registration(row, tuple(replicas[row.id]), rows.tag_digests(digests[row.id])) for row in page
        )


def _reserve(
    connection: Connection,
    submission: SubmissionId,
    object_id: ObjectId,
    fingerprint: HexDigest,
    doubted: PackageId | None,
) -> Reservation:
    versions = tables.versions
    of_object = _names(versions.c, object_id)
    latest = connection.execute(
        rows.registered_versions().where(of_object).order_by(versions.c.number.desc()).limit(1)
    ).one_or_none()
    if latest is not None and latest.fingerprint == fingerprint and rows.package_of(latest) != doubted:
        replicas = _replicas_of(connection, [latest.id])[latest.id]
        return AlreadyKept(rows.package_of(latest), SubmissionId(latest.submission), tuple(replicas))
    held = _version_held_by(connection, submission)
    if held is not None:
        package = rows.package_of(held)
        if package.object != object_id or _is_registered(connection, held.id):
            raise holds_another(submission, package)
        return Reserved(package)
    highest = connection.scalar(select(func.max(versions.c.number)).where(of_object)) or 0
    package = PackageId(object_id, VersionNumber(highest + 1))
    connection.execute(insert(versions), rows.version_row(package, submission, fingerprint))
    return Reserved(package)


def _claim(connection: Connection, registration: Registration) -> int:
    """Give the registration its version, which is its submission's own or free; return the row number."""
    versions = tables.versions
    row = rows.version_row(registration.package, registration.submission, registration.fingerprint)
    held = _version_held_by(connection, registration.submission)
    if held is None:
        owner = connection.scalar(select(versions.c.submission).where(_is_version(registration.package)))
        if owner is not None:
            raise belongs_to(registration.package, SubmissionId(owner))
        return int(connection.execute(insert(versions).returning(versions.c.id), row).scalar_one())
    if rows.package_of(held) != registration.package:
        raise holds_another(registration.submission, rows.package_of(held))
    if not _is_registered(connection, held.id):
        # What was reserved may have changed since, and knew less than what is registered.
        connection.execute(update(versions).where(versions.c.id == held.id).values(row))
    return int(held.id)


def _insert_package(
    connection: Connection, registration: Registration, version_id: int, files: Iterable[CatalogueFile]
) -> None:
    packages = tables.packages
    row = rows.package_row(registration, version_id)
    package_id = int(connection.execute(insert(packages).returning(packages.c.id), row).scalar_one())
    if registration.replicas:
        connection.execute(
            insert(tables.replicas),
            [rows.replica_row(replica, package_id) for replica in registration.replicas],
        )
    if registration.tag_digests:
        connection.execute(
            insert(tables.tag_digests),
            [rows.tag_digest_row(one, package_id) for one in registration.tag_digests],
        )
    numbered = (rows.file_row(file, package_id, position) for position, file in enumerate(files))
    while batch := list(islice(numbered, _BATCH)):
        connection.execute(insert(tables.files), batch)


def _version_held_by(connection: Connection, submission: SubmissionId) -> Row[Any] | None:
    held = select(tables.versions).where(tables.versions.c.submission == submission)
    return connection.execute(held).one_or_none()


def _is_registered(connection: Connection, version_id: int) -> bool:
    registered = select(tables.packages.c.id).where(tables.packages.c.version_id == version_id)
    return connection.scalar(registered) is not None


def _has_replica_in(store: StoreName) -> ColumnElement[bool]:
    replicas = tables.replicas
    return exists().where(replicas.c.package_id == tables.packages.c.id, replicas.c.store == store)


def _replicas_of(connection: Connection, package_ids: Sequence[int]) -> defaultdict[int, list[Replica]]:
    replicas = tables.replicas
    query = select(replicas).where(replicas.c.package_id.in_(package_ids)).order_by(replicas.c.store)
    found: defaultdict[int, list[Replica]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.package_id].append(rows.replica(row))
    return found


def _tag_digests_of(connection: Connection, package_ids: Sequence[int]) -> defaultdict[int, list[Row[Any]]]:
    digests = tables.tag_digests
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(digests).where(digests.c.package_id.in_(package_ids))):
        found[row.package_id].append(row)
    return found


def _names(columns: Any, object_id: ObjectId) -> ColumnElement[bool]:  # noqa: ANN401  any table's columns
    return and_(columns.collection == object_id.collection, columns.name == object_id.name)


def _is_version(package: PackageId) -> ColumnElement[bool]:
    return and_(_names(tables.versions.c, package.object), tables.versions.c.number == package.version)
