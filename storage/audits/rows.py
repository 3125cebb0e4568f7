"""Replicas and damage as they stand in the database: the queries that find them, and the rows as values."""

from typing import Any

from sqlalchemy import Row, Select, select

from preservation.model.damage import Damage, DamageKind, digests_from
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath
from storage.catalogue import rows
from storage.database import tables
from storage.ports.audits import AuditedReplica, DamageState, RecordedDamage, RepairApproval


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
