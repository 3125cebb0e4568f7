"""Replicas and damage as they stand in the database: the queries that find them, and the rows as values."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, select, tuple_

from preservation.model.damage import Damage, DamageKind, digests_from
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import BagPath
from storage.catalogue import rows
from storage.database import tables
from storage.ports.audits import AuditedReplica, DamageState, RecordedDamage, RepairApproval

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


def replicas() -> Select[Any]:
    """Select readings, each with the names of its version."""
    versions = tables.versions
    return (
        select(tables.readings, versions.c.name, versions.c.number)
        .join_from(tables.readings, tables.packages)
        .join(versions)
    )


def replica(row: Row[Any]) -> AuditedReplica:
    """Return a row of ``replicas`` as the replica that it is of."""
    return AuditedReplica(
        package=rows.package_of(row),
        store=StoreName(row.store),
        files=row.files,
        bytes=row.bytes,
        read_at=row.read_at,
        begun_at=row.begun_at,
        reached=None if row.reached is None else BagPath(row.reached),
    )


def recorded() -> Select[Any]:
    """Select damages, each with the names of its version and with the approval of its repair."""
    versions = tables.versions
    approvals = tables.repair_approvals
    return (
        select(
            tables.damages,
            versions.c.collection,
            versions.c.name,
            versions.c.number,
            approvals.c.approved_by,
            approvals.c.because.label("approved_because"),
            approvals.c.approved_at,
        )
        .join_from(tables.damages, tables.packages)
        .join(versions)
        .outerjoin(approvals, approvals.c.damage_id == tables.damages.c.id)
    )


def recorded_damage(row: Row[Any]) -> RecordedDamage:
    """Return a row of ``recorded`` as the damage that it is."""
    damage = Damage(
        package=rows.package_of(row),
        store=StoreName(row.store),
        path=BagPath(row.path),
        kind=DamageKind(row.kind),
        at=row.seen_at,
        promised=digests_from(row.promised),
        promised_size=row.promised_size,
        found=None if row.found is None else digests_from(row.found),
        found_size=row.found_size,
        reason=row.reason,
    )
    approval = None
    if row.approved_at is not None:
        approval = RepairApproval(row.approved_by, row.approved_because, row.approved_at)
    state = DamageState(row.state)
    return RecordedDamage(
        row.id, damage, row.found_at, state, row.ended_at, row.ended_by, row.because, approval
    )
