"""Whose turn a replica is: what of a scope is to be read, who claims which of it, and how far they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from preservation.model.identifiers import CollectionName, PackageId, StoreName
from storage.audits.rows import replica, replicas
from storage.catalogue import queries
from storage.database import tables
from storage.ports.audits import (
    AuditedReplica,
    Claimant,
    ReadReplica,
    ReplicaCounts,
    Scope,
    no_replica,
)

_readings = tables.readings.c


def unread(connection: Connection, scope: Scope) -> ReplicaCounts:
    """Return how much of the scope is to be read."""
    return _counts(connection, _counted().where(_in_scope(scope)))


def read_since(
    connection: Connection, store: StoreName, collection: CollectionName, since: datetime
) -> ReplicaCounts:
    """Return how much was read again since a moment."""
    kept = tables.replicas.c
    again = (
        _counted()
        .join_from(
            tables.readings,
            tables.replicas,
            and_(kept.package_id == _readings.package_id, kept.store == _readings.store),
        )
        .where(_readings.store == store, _readings.collection == collection)
        .where(_readings.read_at >= since, _readings.read_at > kept.verified_at)
    )
    return _counts(connection, again)


def claim_longest_unread(
    connection: Connection,
    claimant: Claimant,
    scope: Scope,
    limits: tuple[int, int, int | None],
    lease: tuple[datetime, datetime],
    *,
    larger_alone: bool,
) -> tuple[AuditedReplica, ...]:
    """Claim the longest unread replicas of the scope that nobody reads.

    ``limits`` are the most replicas, the most bytes and the most files, ``lease`` is now and until when the
    claim holds.
    """
    most_replicas, most_bytes, most_files = limits
    query = (
        replicas()
        .where(_in_scope(scope), _is_free(*lease))
        .order_by(_readings.read_at, _readings.package_id)
        .limit(most_replicas)
        # Whoever claims at the same time takes the next ones.
        .with_for_update(of=tables.readings, skip_locked=True)
    )
    chosen = _up_to(connection.execute(query).all(), most_bytes, most_files, larger_alone=larger_alone)
    _hold(connection, claimant, chosen, lease[1])
    return tuple(map(replica, chosen))


def claim_one(
    connection: Connection,
    claimant: Claimant,
    package: PackageId,
    store: StoreName,
    lease: tuple[datetime, datetime],
) -> AuditedReplica | None:
    """Claim one replica; ``None`` where somebody else reads it. Raises ``NotFoundError`` where there is none.

    ``lease`` is now and until when the claim holds.
    """
    named = and_(queries.is_version(package), _readings.store == store)
    if connection.execute(replicas().where(named)).one_or_none() is None:
        raise no_replica(package, store)
    free = replicas().where(named, or_(_is_free(*lease), _readings.claimant == claimant))
    row = connection.execute(free.with_for_update(of=tables.readings, skip_locked=True)).one_or_none()
    if row is None:
        return None
    _hold(connection, claimant, [row], lease[1])
    return replica(row)


def reach(connection: Connection, claimant: Claimant, read: AuditedReplica, until: datetime) -> bool:
    """Record how far a reading is, and hold the claim ``until`` then; return whether it is the claimant's."""
    key = queries.package_keys(connection, [read.package]).get(read.package)
    held = (
        update(tables.readings)
        .where(_readings.package_id == key, _readings.store == read.store)
        .where(_readings.claimant == claimant)
        .values(begun_at=read.begun_at, reached=read.reached, claimed_until=until)
    )
    return connection.execute(held).rowcount == 1


def hold(connection: Connection, claimant: Claimant, until: datetime) -> None:
    """Hold every claim of the claimant ``until`` then."""
    connection.execute(
        update(tables.readings).where(_readings.claimant == claimant).values(claimed_until=until)
    )


def end_readings(connection: Connection, read: Sequence[tuple[int, ReadReplica]]) -> None:
    """Record when each replica was read, by the row number of its version, and end the claims."""
    ended = (
        update(tables.readings)
        .where(_readings.package_id == bindparam("of"), _readings.store == bindparam("where"))
        .values(read_at=bindparam("at"), begun_at=None, reached=None, claimant=None, claimed_until=None)
    )
    parameters = [{"of": key, "where": one.replica.store, "at": one.read_at} for key, one in read]
    if parameters:
        connection.execute(ended, parameters)


def release(connection: Connection, claimant: Claimant) -> None:
    """End every claim of the claimant; what it has reached stays."""
    connection.execute(
        update(tables.readings)
        .where(_readings.claimant == claimant)
        .values(claimant=None, claimed_until=None)
    )


def _counted() -> Select[Any]:
    return select(
        func.count(),
        func.coalesce(func.sum(_readings.files), 0),
        func.coalesce(func.sum(_readings.bytes), 0),
        func.min(_readings.read_at),
    )


def _counts(connection: Connection, counted: Select[Any]) -> ReplicaCounts:
    number, files, size, oldest = connection.execute(counted).one()
    return ReplicaCounts(number, int(files), int(size), oldest)


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    since = [] if scope.since is None else [_readings.read_at >= scope.since]
    return and_(
        _readings.store == scope.store,
        _readings.collection == scope.collection,
        _readings.read_at < scope.before,
        *since,
    )


def _is_free(at: datetime, until: datetime) -> ColumnElement[bool]:
    """Hold for replicas that nobody reads; what is claimed for longer was so while the clock was ahead.

    For longer by a lease: whoever waited for the database asked the time before those who claimed meanwhile,
    and the clocks of two machines are never the same.
    """
    return or_(
        _readings.claimed_until.is_(None),
        _readings.claimed_until <= at,
        _readings.claimed_until > until + (until - at),
    )


def _up_to(
    found: Sequence[Row[Any]], most_bytes: int, most_files: int | None, *, larger_alone: bool
) -> list[Row[Any]]:
    chosen: list[Row[Any]] = []
    held = files = 0
    for row in found:
        is_too_much = held + row.bytes > most_bytes or (
            most_files is not None and files + row.files > most_files
        )
        if is_too_much and (chosen or not larger_alone):
            break
        chosen.append(row)
        held += row.bytes
        files += row.files
    return chosen


def _hold(connection: Connection, claimant: Claimant, chosen: Sequence[Row[Any]], until: datetime) -> None:
    held = (
        update(tables.readings)
        .where(_readings.package_id == bindparam("of"), _readings.store == bindparam("where"))
        .values(claimant=claimant, claimed_until=until)
    )
    if chosen:
        connection.execute(held, [{"of": row.package_id, "where": row.store} for row in chosen])
