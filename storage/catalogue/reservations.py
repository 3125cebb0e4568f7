"""How a submission comes to its version: reserved first, kept at its end."""

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection, func, insert, select, update

from preservation.model.digests import HexDigest
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    PackageId,
    SubmissionId,
    VersionNumber,
)
from preservation.model.packages import Replica
from storage.catalogue import queries, rows
from storage.database import tables
from storage.ports.catalogue import (
    AlreadyKept,
    CatalogueFile,
    Registration,
    Reservation,
    Reserved,
    belongs_to,
    holds_another,
)

_BATCH = 1000


def reserve(
    connection: Connection,
    submission: SubmissionId,
    object_id: ObjectId,
    fingerprint: HexDigest,
    doubted: PackageId | None,
) -> Reservation:
    """Give the submission a version number of the object, or report that its content is kept already."""
    versions = tables.versions
    of_object = queries.names(versions.c, object_id)
    latest = connection.execute(
        rows.registered_versions().where(of_object).order_by(versions.c.number.desc()).limit(1)
    ).one_or_none()
    if latest is not None and latest.fingerprint == fingerprint and rows.package_of(latest) != doubted:
        replicas = queries.replicas_of(connection, [latest.id])[latest.id]
        return AlreadyKept(rows.package_of(latest), SubmissionId(latest.submission), tuple(replicas))
    held = queries.version_held_by(connection, submission)
    if held is not None:
        package = rows.package_of(held)
        if package.object != object_id or queries.is_registered(connection, held.id):
            raise holds_another(submission, package)
        return Reserved(package)
    highest = connection.scalar(select(func.max(versions.c.number)).where(of_object)) or 0
    package = PackageId(object_id, VersionNumber(highest + 1))
    connection.execute(insert(versions), rows.version_row(package, submission, fingerprint))
    return Reserved(package)


def claim(connection: Connection, registration: Registration) -> int:
    """Give the registration its version, which is its submission's own or free; return the row number."""
    versions = tables.versions
    row = rows.version_row(registration.package, registration.submission, registration.fingerprint)
    held = queries.version_held_by(connection, registration.submission)
    if held is None:
        owner = connection.scalar(
            select(versions.c.submission).where(queries.is_version(registration.package))
        )
        if owner is not None:
            raise belongs_to(registration.package, SubmissionId(owner))
        return int(connection.execute(insert(versions).returning(versions.c.id), row).scalar_one())
    if rows.package_of(held) != registration.package:
        raise holds_another(registration.submission, rows.package_of(held))
    if not queries.is_registered(connection, held.id):
        # What was reserved may have changed since, and knew less than what is registered.
        connection.execute(update(versions).where(versions.c.id == held.id).values(row))
    return int(held.id)


def insert_package(
    connection: Connection, registration: Registration, version_id: int, files: Iterable[CatalogueFile]
) -> int:
    """Insert a kept version, its replicas, its tag digests and its files; return its row number."""
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
    return package_id


def insert_readings(
    connection: Connection, package_id: int, collection: CollectionName, replicas: Iterable[Replica]
) -> None:
    """Insert when replicas were read for the first time, while the journal's head is locked.

    Else two that register at once would give their files the same numbers.
    """
    readings = tables.readings
    for replica in replicas:
        last = (
            select(readings.c.files_before + readings.c.files)
            .where(readings.c.store == replica.store)
            .order_by(readings.c.files_before.desc())
            .limit(1)
        )
        row = rows.reading_row(replica, package_id, collection, connection.scalar(last) or 0)
        connection.execute(insert(readings), row)
