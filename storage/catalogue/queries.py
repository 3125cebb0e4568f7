"""What several queries of the catalogue have in common."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, select, tuple_

from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId
from preservation.model.packages import Replica
from storage.catalogue import rows
from storage.database import tables

BATCH = 500
"""Probes or rows a statement."""

_T = TypeVar("_T")


def batches(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield the values in parts, none larger than one statement takes."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def package_keys(connection: Connection, packages: Iterable[PackageId]) -> dict[PackageId, int]:
    """Return the row number of each version that is kept."""
    versions, kept = tables.versions, tables.packages
    names = [(one.object.collection, one.object.name, one.version) for one in dict.fromkeys(packages)]
    found: dict[PackageId, int] = {}
    for batch in batches(names):
        query = (
            select(kept.c.id, versions.c.collection, versions.c.name, versions.c.number)
            .join_from(kept, versions)
            .where(tuple_(versions.c.collection, versions.c.name, versions.c.number).in_(batch))
        )
        found |= {rows.package_of(row): int(row.id) for row in connection.execute(query)}
    return found


def version_held_by(connection: Connection, submission: SubmissionId) -> Row[Any] | None:
    """Return the version that the submission has, reserved or registered."""
    held = select(tables.versions).where(tables.versions.c.submission == submission)
    return connection.execute(held).one_or_none()


def is_registered(connection: Connection, version_id: int) -> bool:
    """Return whether a version is kept, and not only reserved."""
    registered = select(tables.packages.c.id).where(tables.packages.c.version_id == version_id)
    return connection.scalar(registered) is not None


def has_replica_in(store: StoreName) -> ColumnElement[bool]:
    """Hold for packages of which the store has a replica."""
    replicas = tables.replicas
    return exists().where(replicas.c.package_id == tables.packages.c.id, replicas.c.store == store)


def replicas_of(connection: Connection, package_ids: Sequence[int]) -> defaultdict[int, list[Replica]]:
    """Return the replicas of each package, by the names of their stores."""
    replicas = tables.replicas
    query = select(replicas).where(replicas.c.package_id.in_(package_ids)).order_by(replicas.c.store)
    found: defaultdict[int, list[Replica]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.package_id].append(rows.replica(row))
    return found


def tag_digests_of(connection: Connection, package_ids: Sequence[int]) -> defaultdict[int, list[Row[Any]]]:
    """Return the rows of tag digests of each package."""
    digests = tables.tag_digests
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for batch in batches(package_ids):
        for row in connection.execute(select(digests).where(digests.c.package_id.in_(batch))):
            found[row.package_id].append(row)
    return found


def names(columns: Any, object_id: ObjectId) -> ColumnElement[bool]:  # noqa: ANN401  any table's columns
    """Hold for rows of the object."""
    return and_(columns.collection == object_id.collection, columns.name == object_id.name)


def is_version(package: PackageId) -> ColumnElement[bool]:
    """Hold for the row of this version."""
    return and_(names(tables.versions.c, package.object), tables.versions.c.number == package.version)
