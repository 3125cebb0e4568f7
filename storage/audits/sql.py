"""The state of audits in the database that has catalogue and journal too: a transaction for each method."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from sqlalchemy import func, select, update

from preservation.model.damage import Damage
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from storage.audits import claims, rows, samples
from storage.audits import damages as damage_rows
from storage.catalogue import queries
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
)

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
            return claims.unread(connection, scope)

    def read_since(self, store: StoreName, collection: CollectionName, since: datetime) -> ReplicaCounts:
        """Return how much was read again since a moment."""
        with self._database.reading() as connection:
            return claims.read_since(connection, store, collection, since)

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
        most_files: int | None = None,
    ) -> tuple[AuditedReplica, ...]:
        """Claim the longest unread replicas of the first of ``scopes`` that has any, and return them."""
        with self._database.writing() as connection:
            for scope in scopes:
                claimed = claims.claim_longest_unread(
                    connection,
                    claimant,
                    scope,
                    (most_replicas, most_bytes, most_files),
                    (at, until),
                    larger_alone=larger_alone,
                )
                if claimed:
                    return claimed
        return ()

    def claim_package(
        self, claimant: Claimant, package: PackageId, store: StoreName, *, at: datetime, until: datetime
    ) -> AuditedReplica | None:
        """Claim one replica; ``None`` where somebody else reads it."""
        with self._database.writing() as connection:
            return claims.claim_one(connection, claimant, package, store, (at, until))

    def reach(self, claimant: Claimant, replica: AuditedReplica, until: datetime) -> bool:
        """Record how far a reading is, and hold the claim ``until`` then."""
        with self._database.writing() as connection:
            return claims.reach(connection, claimant, replica, until)

    def hold(self, claimant: Claimant, until: datetime) -> None:
        """Hold every claim of the claimant ``until`` then."""
        with self._database.writing() as connection:
            claims.hold(connection, claimant, until)

    def conclude(self, read: Sequence[ReadReplica], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        """Record whole readings and the events of them in one transaction, unless damage ended since."""
        if not read:
            return ()
        with self._database.writing() as connection:
            keys = queries.package_keys(connection, [one.replica.package for one in read])
            known = [(keys[one.replica.package], one) for one in read if one.replica.package in keys]
            seen = [damage for _, one in known for damage in one.damages]
            if ended := damage_rows.ended_since(connection, seen):
                return tuple(ended)
            claims.end_readings(connection, known)
            damage_rows.conclude(connection, known)
            append_entries(connection, events)
        return ()

    def record_damage(self, damages: Sequence[Damage], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        """Record damage that was seen outside of a whole reading, unless it ended since, and the events."""
        with self._database.writing() as connection:
            if ended := damage_rows.ended_since(connection, damages):
                return tuple(ended)
            damage_rows.see(connection, damages)
            append_entries(connection, events)
        return ()

    def claimants(self) -> tuple[Claimant, ...]:
        """Return everybody who claims a replica."""
        query = select(_readings.claimant).where(_readings.claimant.is_not(None)).distinct()
        with self._database.reading() as connection:
            return tuple(Claimant(name) for name in connection.scalars(query))

    def restore_reading(self, package: PackageId, store: StoreName, read_at: datetime) -> None:
        """Record when a replica was read last, unless a later reading is known."""
        with self._database.writing() as connection:
            key = queries.package_keys(connection, [package]).get(package)
            connection.execute(
                update(tables.readings)
                .where(_readings.package_id == key, _readings.store == store, _readings.read_at < read_at)
                .values(read_at=read_at)
            )

    def release(self, claimant: Claimant) -> None:
        """End every claim of the claimant; what it has reached stays."""
        with self._database.writing() as connection:
            claims.release(connection, claimant)

    def damages(
        self, state: DamageState | None = DamageState.OPEN, package: PackageId | None = None
    ) -> Iterator[RecordedDamage]:
        """Yield recorded damage in the order in which it was found."""
        query = rows.recorded()
        if state is not None:
            query = query.where(_damages.state == state.value)
        if package is not None:
            query = query.where(queries.is_version(package))
        return map(rows.recorded_damage, chain.from_iterable(self._database.pages(query, _damages.id)))

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
            ended = damage_rows.end(connection, numbers, state, (at, by, because))
            append_entries(connection, events)
        return tuple(ended)

    def approve_repairs(
        self, numbers: Sequence[int], approval: RepairApproval, events: Iterable[Event]
    ) -> tuple[RecordedDamage, ...]:
        """Record that those of the damages may be repaired that are open and were not approved."""
        with self._database.writing() as connection:
            approved = damage_rows.approve(connection, numbers, approval)
            append_entries(connection, events)
        return tuple(approved)

    def files_in(self, store: StoreName) -> int:
        """Return how many files all replicas in the store have."""
        with self._database.reading() as connection:
            return samples.files_in(connection, store)

    def sampled(self, store: StoreName, numbers: Iterable[int]) -> Iterator[SampledFile]:
        """Yield the file of each number, by probes into a running total."""
        remaining = iter(sorted(numbers))
        while batch := list(islice(remaining, queries.BATCH)):
            with self._database.reading() as connection:
                found = samples.sampled(connection, store, batch)
            yield from found

    def beside(self, replica: AuditedReplica, most: int) -> tuple[AuditedReplica, ...]:
        """Return the replicas that came into the same store just before and after it, ``most`` of each."""
        with self._database.reading() as connection:
            return tuple(samples.beside(connection, replica, most))

    def replicas(
        self, store: StoreName, collection: CollectionName | None = None
    ) -> Iterator[AuditedReplica]:
        """Yield every replica in the store, in the order of registration."""
        query = rows.replicas().where(_readings.store == store)
        if collection is not None:
            query = query.where(_readings.collection == collection)
        return map(rows.replica, chain.from_iterable(self._database.pages(query, _readings.package_id)))
