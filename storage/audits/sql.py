"""The state of audits in the database that has catalogue and journal too."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    column,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
    values,
)

from preservation.model.damage import Damage, DamageKind, digests_from, digests_text
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.model.paths import BagPath
from storage.catalogue import queries, rows
from storage.database import tables
from storage.database.opening import Database
from storage.journal.sql import append_entries
from storage.ports.audits import (
    AuditedReplica,
    Claimant,
    DamageState,
    ReadReplica,
    RecordedDamage,
    RepairApproval,
    ReplicaCounts,
    SampledFile,
    Scope,
    no_damage,
    no_replica,
)

_BATCH = 500
"""Probes or rows a statement."""

_AS_KEPT = "it was read again, and is as it was kept"

_readings = tables.readings.c
_damages = tables.damages.c


class SqlAudits:
    """``Audits`` in a database, SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collections(self, store: StoreName) -> tuple[CollectionName, ...]:
        """Return the collections of which the store has replicas, by name."""
        found: list[CollectionName] = []
        with self._database.reading() as connection:
            # One probe each: counting distinct names would read the whole index.
            following = select(func.min(_readings.collection)).where(_readings.store == store)
            name = connection.scalar(following)
            while name is not None:
                found.append(CollectionName(name))
                name = connection.scalar(following.where(_readings.collection > name))
        return tuple(found)

    def unread(self, scope: Scope) -> ReplicaCounts:
        """Return how much of the scope is to be read."""
        with self._database.reading() as connection:
            return _counts(connection, _counted().where(_in_scope(scope)))

    def read_since(self, store: StoreName, collection: CollectionName, since: datetime) -> ReplicaCounts:
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
        with self._database.reading() as connection:
            return _counts(connection, again)

    def claim(
        self,
        claimant: Claimant,
        scopes: Sequence[Scope],
        *,
        most_replicas: int,
        most_bytes: int,
        at: datetime,
        until: datetime,
        larger_alone: bool = True,
    ) -> tuple[AuditedReplica, ...]:
        """Claim the longest unread replicas of the first of ``scopes`` that has any, and return them."""
        with self._database.writing() as connection:
            for scope in scopes:
                query = (
                    _replicas()
                    .where(_in_scope(scope), _is_free(at, until))
                    .order_by(_readings.read_at, _readings.package_id)
                    .limit(most_replicas)
                    # Whoever claims at the same time takes the next ones.
                    .with_for_update(of=tables.readings, skip_locked=True)
                )
                chosen = _up_to(connection.execute(query).all(), most_bytes, larger_alone=larger_alone)
                if chosen:
                    _hold(connection, claimant, chosen, until)
                    return tuple(map(_replica, chosen))
        return ()

    def claim_package(
        self, claimant: Claimant, package: PackageId, store: StoreName, *, at: datetime, until: datetime
    ) -> AuditedReplica | None:
        """Claim one replica; ``None`` where somebody else reads it."""
        named = and_(queries.is_version(package), _readings.store == store)
        with self._database.writing() as connection:
            if connection.execute(_replicas().where(named)).one_or_none() is None:
                raise no_replica(package, store)
            free = _replicas().where(named, or_(_is_free(at, until), _readings.claimant == claimant))
            row = connection.execute(free.with_for_update(of=tables.readings, skip_locked=True)).one_or_none()
            if row is None:
                return None
            _hold(connection, claimant, [row], until)
            return _replica(row)

    def reach(self, claimant: Claimant, replica: AuditedReplica, until: datetime) -> bool:
        """Record how far a reading is, and hold the claim ``until`` then."""
        with self._database.writing() as connection:
            key = _keys(connection, [replica.package]).get(replica.package)
            held = (
                update(tables.readings)
                .where(_readings.package_id == key, _readings.store == replica.store)
                .where(_readings.claimant == claimant)
                .values(begun_at=replica.begun_at, reached=replica.reached, claimed_until=until)
            )
            return connection.execute(held).rowcount == 1

    def conclude(self, read: Sequence[ReadReplica], events: Iterable[Event]) -> None:
        """Record whole readings and the events of them in one transaction, and end the claims."""
        if not read:
            return
        with self._database.writing() as connection:
            keys = _keys(connection, [one.replica.package for one in read])
            known = [one for one in read if one.replica.package in keys]
            ended = (
                update(tables.readings)
                .where(_readings.package_id == bindparam("of"), _readings.store == bindparam("where"))
                .values(
                    read_at=bindparam("at"), begun_at=None, reached=None, claimant=None, claimed_until=None
                )
            )
            connection.execute(
                ended,
                [
                    {"of": keys[one.replica.package], "where": one.replica.store, "at": one.read_at}
                    for one in known
                ],
            )
            open_ones = _open_ones(connection, keys.values())
            for one in known:
                key = keys[one.replica.package]
                before = open_ones[key, one.replica.store]
                seen = {damage.path for damage in one.damages}
                _end(
                    connection,
                    [
                        row.id
                        for path, row in before.items()
                        if path not in seen and row.seen_at < one.begun_at
                    ],
                    DamageState.HEALED,
                    (one.read_at, "", _AS_KEPT),
                )
                _see(connection, one.damages, key, before)
            append_entries(connection, events)

    def record_damage(self, damages: Sequence[Damage], events: Iterable[Event]) -> None:
        """Record damage that was seen outside of a whole reading, and the events of it."""
        with self._database.writing() as connection:
            keys = _keys(connection, [damage.package for damage in damages])
            open_ones = _open_ones(connection, keys.values())
            for damage in damages:
                key = keys[damage.package]
                _see(connection, [damage], key, open_ones[key, damage.store])
            append_entries(connection, events)

    def claimants(self) -> tuple[Claimant, ...]:
        """Return everybody who claims a replica."""
        query = select(_readings.claimant).where(_readings.claimant.is_not(None)).distinct()
        with self._database.reading() as connection:
            return tuple(Claimant(name) for name in connection.scalars(query))

    def restore_reading(self, package: PackageId, store: StoreName, read_at: datetime) -> None:
        """Record when a replica was read last, unless a later reading is known."""
        with self._database.writing() as connection:
            key = _keys(connection, [package]).get(package)
            connection.execute(
                update(tables.readings)
                .where(_readings.package_id == key, _readings.store == store, _readings.read_at < read_at)
                .values(read_at=read_at)
            )

    def release(self, claimant: Claimant) -> None:
        """End every claim of the claimant; what it has reached stays."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.readings)
                .where(_readings.claimant == claimant)
                .values(claimant=None, claimed_until=None)
            )

    def damages(
        self, state: DamageState | None = DamageState.OPEN, package: PackageId | None = None
    ) -> Iterator[RecordedDamage]:
        """Yield recorded damage in the order in which it was found."""
        query = _recorded()
        if state is not None:
            query = query.where(_damages.state == state.value)
        if package is not None:
            query = query.where(queries.is_version(package))
        return map(_recorded_damage, chain.from_iterable(self._database.pages(query, _damages.id)))

    def end_damage(
        self,
        numbers: Sequence[int],
        state: DamageState,
        *,
        at: datetime,
        by: str,
        because: str,
        events: Iterable[Event],
    ) -> tuple[RecordedDamage, ...]:
        """End those of the damages that are open, and record the events in the same transaction."""
        with self._database.writing() as connection:
            query = _recorded().where(_damages.id.in_(numbers)).order_by(_damages.id)
            found = {row.id: row for row in connection.execute(query)}
            for number in numbers:
                if number not in found:
                    raise no_damage(number)
            still_open = [number for number, row in found.items() if row.state == DamageState.OPEN.value]
            _end(connection, still_open, state, (at, by, because))
            append_entries(connection, events)
            ended = [row for row in connection.execute(query) if row.id in still_open]
        return tuple(map(_recorded_damage, ended))

    def approve_repairs(
        self, numbers: Sequence[int], approval: RepairApproval, events: Iterable[Event]
    ) -> tuple[RecordedDamage, ...]:
        """Record that those of the damages may be repaired that are open and were not approved."""
        with self._database.writing() as connection:
            found: dict[int, Row[Any]] = {}
            for batch in _batches(numbers):
                query = _recorded().where(_damages.id.in_(batch))
                found |= {row.id: row for row in connection.execute(query)}
            for number in numbers:
                if number not in found:
                    raise no_damage(number)
            rows_of_it = [
                row
                for _, row in sorted(found.items())
                if row.state == DamageState.OPEN.value and row.approved_at is None
            ]
            if rows_of_it:
                values_of_it = {
                    "approved_by": approval.by,
                    "because": approval.because,
                    "approved_at": approval.at,
                }
                connection.execute(
                    insert(tables.repair_approvals),
                    [{"damage_id": row.id, **values_of_it} for row in rows_of_it],
                )
            append_entries(connection, events)
        return tuple(replace(_recorded_damage(row), approval=approval) for row in rows_of_it)

    def files_in(self, store: StoreName) -> int:
        """Return how many files all replicas in the store have."""
        last = (
            select(_readings.files_before + _readings.files)
            .where(_readings.store == store)
            .order_by(_readings.files_before.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.scalar(last) or 0

    def sampled(self, store: StoreName, numbers: Iterable[int]) -> Iterator[SampledFile]:
        """Yield the file of each number, by probes into a running total."""
        remaining = iter(sorted(numbers))
        while batch := list(islice(remaining, _BATCH)):
            numbered = values(column("number", BigInteger), name="numbered").data([(one,) for one in batch])
            asked = numbered.cte("asked")
            holding = (
                select(_readings.package_id)
                .where(_readings.store == store, _readings.files_before <= asked.c.number)
                .order_by(_readings.files_before.desc())
                .limit(1)
                .correlate(asked)
                .scalar_subquery()
            )
            with self._database.reading() as connection:
                probed = {
                    int(number): int(key)
                    for number, key in connection.execute(select(asked.c.number, holding))
                    if key is not None
                }
                mine = _replicas().where(
                    _readings.store == store, _readings.package_id.in_(set(probed.values()))
                )
                holders = {row.package_id: row for row in connection.execute(mine)}
            for number in batch:
                row = holders[probed[number]]
                yield SampledFile(_replica(row), number - row.files_before)

    def beside(self, replica: AuditedReplica, most: int) -> tuple[AuditedReplica, ...]:
        """Return the replicas that came into the same store just before and after it, ``most`` of each."""
        mine, place = _replicas().where(_readings.store == replica.store), _readings.files_before
        with self._database.reading() as connection:
            named = mine.where(queries.is_version(replica.package))
            at = connection.execute(named).one().files_before
            before = mine.where(place < at).order_by(place.desc()).limit(most)
            after = mine.where(place > at).order_by(place).limit(most)
            found = [*reversed(connection.execute(before).all()), *connection.execute(after).all()]
        return tuple(map(_replica, found))

    def replicas(
        self, store: StoreName, collection: CollectionName | None = None
    ) -> Iterator[AuditedReplica]:
        """Yield every replica in the store, in the order of registration."""
        query = _replicas().where(_readings.store == store)
        if collection is not None:
            query = query.where(_readings.collection == collection)
        return map(_replica, chain.from_iterable(self._database.pages(query, _readings.package_id)))


def _counted() -> Select[Any]:
    return select(
        func.count(),
        func.coalesce(func.sum(_readings.files), 0),
        func.coalesce(func.sum(_readings.bytes), 0),
        func.min(_readings.read_at),
    )


def _counts(connection: Connection, counted: Select[Any]) -> ReplicaCounts:
    replicas, files, size, oldest = connection.execute(counted).one()
    return ReplicaCounts(replicas, int(files), int(size), oldest)


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    return and_(
        _readings.store == scope.store,
        _readings.collection == scope.collection,
        _readings.read_at < scope.before,
    )


def _is_free(at: datetime, until: datetime) -> ColumnElement[bool]:
    """Hold for replicas that nobody reads; what is claimed for longer was so while the clock was ahead."""
    return or_(
        _readings.claimed_until.is_(None), _readings.claimed_until <= at, _readings.claimed_until > until
    )


def _replicas() -> Select[Any]:
    versions = tables.versions
    return (
        select(tables.readings, versions.c.name, versions.c.number)
        .join_from(tables.readings, tables.packages)
        .join(versions)
    )


def _recorded() -> Select[Any]:
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
        .outerjoin(approvals, approvals.c.damage_id == _damages.id)
    )


def _up_to(found: Sequence[Row[Any]], most_bytes: int, *, larger_alone: bool) -> list[Row[Any]]:
    chosen: list[Row[Any]] = []
    held = 0
    for row in found:
        if held + row.bytes > most_bytes and (chosen or not larger_alone):
            break
        chosen.append(row)
        held += row.bytes
    return chosen


def _hold(connection: Connection, claimant: Claimant, chosen: Sequence[Row[Any]], until: datetime) -> None:
    held = (
        update(tables.readings)
        .where(_readings.package_id == bindparam("of"), _readings.store == bindparam("where"))
        .values(claimant=claimant, claimed_until=until)
    )
    connection.execute(held, [{"of": row.package_id, "where": row.store} for row in chosen])


def _keys(connection: Connection, packages: Iterable[PackageId]) -> dict[PackageId, int]:
    """Return the row number of each version that is kept."""
    versions, kept = tables.versions, tables.packages
    names = [(one.object.collection, one.object.name, one.version) for one in dict.fromkeys(packages)]
    found: dict[PackageId, int] = {}
    for start in range(0, len(names), _BATCH):
        query = (
            select(kept.c.id, versions.c.collection, versions.c.name, versions.c.number)
            .join_from(kept, versions)
            .where(
                tuple_(versions.c.collection, versions.c.name, versions.c.number).in_(
                    names[start : start + _BATCH]
                )
            )
        )
        found |= {rows.package_of(row): int(row.id) for row in connection.execute(query)}
    return found


def _open_ones(
    connection: Connection, keys: Iterable[int]
) -> defaultdict[tuple[int, StoreName], dict[BagPath, Row[Any]]]:
    """Return the open damage of each replica, by its paths."""
    found: defaultdict[tuple[int, StoreName], dict[BagPath, Row[Any]]] = defaultdict(dict)
    query = select(tables.damages).where(
        _damages.package_id.in_(list(keys)), _damages.state == DamageState.OPEN.value
    )
    for row in connection.execute(query):
        found[row.package_id, StoreName(row.store)][BagPath(row.path)] = row
    return found


def _see(
    connection: Connection, damages: Iterable[Damage], key: int, before: dict[BagPath, Row[Any]]
) -> None:
    for damage in damages:
        what = {
            "kind": damage.kind.value,
            "promised": digests_text(damage.promised),
            "promised_size": damage.promised_size,
            "found": None if damage.found is None else digests_text(damage.found),
            "found_size": damage.found_size,
            "reason": damage.reason,
            "seen_at": damage.at,
        }
        if damage.path in before:
            connection.execute(
                update(tables.damages).where(_damages.id == before[damage.path].id).values(what)
            )
            continue
        new = {
            "package_id": key,
            "store": damage.store,
            "path": damage.path,
            "found_at": damage.at,
            "state": DamageState.OPEN.value,
            "ended_by": "",
            "because": "",
        }
        connection.execute(insert(tables.damages), {**what, **new})


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _BATCH):
        yield numbers[start : start + _BATCH]


def _end(
    connection: Connection, numbers: Sequence[int], state: DamageState, end: tuple[datetime, str, str]
) -> None:
    at, by, because = end
    if numbers:
        connection.execute(
            update(tables.damages)
            .where(_damages.id.in_(numbers))
            .values(state=state.value, ended_at=at, ended_by=by, because=because)
        )


def _replica(row: Row[Any]) -> AuditedReplica:
    return AuditedReplica(
        package=rows.package_of(row),
        store=StoreName(row.store),
        files=row.files,
        bytes=row.bytes,
        read_at=row.read_at,
        begun_at=row.begun_at,
        reached=None if row.reached is None else BagPath(row.reached),
    )


def _recorded_damage(row: Row[Any]) -> RecordedDamage:
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
