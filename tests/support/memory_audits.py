"""The state of audits in memory: the peer of the database under one contract, and the tests' own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from support.memory_catalogue import MemoryCatalogue

from preservation.model.damage import Damage
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.model.paths import BagPath
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
from storage.ports.journal import Journal

_AS_KEPT = "it was read again, and is as it was kept"


@dataclass
class _Row:
    replica: AuditedReplica
    claimant: Claimant | None = None
    until: datetime | None = None

    def is_free(self, at: datetime, until: datetime) -> bool:
        return self.until is None or self.until <= at or self.until > until + (until - at)


class MemoryAudits:
    """``Audits`` that are gone with the process, of what ``catalogue`` has; events go to ``journal``."""

    def __init__(self, catalogue: MemoryCatalogue, journal: Journal) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._known: dict[tuple[PackageId, StoreName], _Row] = {}
        self._damages: list[RecordedDamage] = []
        self._lock = threading.Lock()
        catalogue.when_forgotten.append(self._forget)

    def collections(self, store: StoreName) -> tuple[CollectionName, ...]:
        return tuple(sorted({one.package.object.collection for one in self.replicas(store)}))

    def unread(self, scope: Scope) -> ReplicaCounts:
        due = [row.replica for row in self._rows() if _is_in(row.replica, scope)]
        return _counted(due)

    def read_since(self, store: StoreName, collection: CollectionName, since: datetime) -> ReplicaCounts:
        again = [
            one
            for one in self.replicas(store, collection)
            if one.read_at >= since
            and one.read_at
            > next(
                kept.verified_at
                for kept in self._catalogue.package(one.package).replicas
                if kept.store == store
            )
        ]
        return _counted(again)

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
        with self._lock:
            for scope in scopes:
                due = [row for row in self._rows() if _is_in(row.replica, scope) and row.is_free(at, until)]
                chosen: list[_Row] = []
                for row in sorted(due, key=lambda one: one.replica.read_at)[:most_replicas]:
                    all_of_them = [one.replica for one in (*chosen, row)]
                    is_too_much = sum(one.bytes for one in all_of_them) > most_bytes or (
                        most_files is not None and sum(one.files for one in all_of_them) > most_files
                    )
                    if is_too_much and (chosen or not larger_alone):
                        break
                    chosen.append(row)
                for row in chosen:
                    row.claimant, row.until = claimant, until
                if chosen:
                    return tuple(row.replica for row in chosen)
        return ()

    def claim_package(
        self, claimant: Claimant, package: PackageId, store: StoreName, *, at: datetime, until: datetime
    ) -> AuditedReplica | None:
        with self._lock:
            list(self._rows())
            row = self._known.get((package, store))
            if row is None:
                raise no_replica(package, store)
            if not row.is_free(at, until) and row.claimant != claimant:
                return None
            row.claimant, row.until = claimant, until
            return row.replica

    def reach(self, claimant: Claimant, replica: AuditedReplica, until: datetime) -> bool:
        with self._lock:
            row = self._known.get((replica.package, replica.store))
            if row is None or row.claimant != claimant:
                return False
            row.replica = replace(row.replica, begun_at=replica.begun_at, reached=replica.reached)
            row.until = until
            return True

    def hold(self, claimant: Claimant, until: datetime) -> None:
        with self._lock:
            for row in self._known.values():
                row.until = until if row.claimant == claimant else row.until

    def conclude(self, read: Sequence[ReadReplica], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        with self._lock:
            self._rows()
            if ended := self._ended_since([damage for one in read for damage in one.damages]):
                return ended
            for one in read:
                row = self._known[one.replica.package, one.replica.store]
                row.replica = replace(row.replica, read_at=one.read_at, begun_at=None, reached=None)
                row.claimant = row.until = None
                seen = {damage.path for damage in one.damages}
                for index, known in enumerate(self._damages):
                    of = (known.damage.package, known.damage.store)
                    mine = of == (one.replica.package, one.replica.store)
                    is_old = known.damage.path not in seen and known.damage.at < one.begun_at
                    if one.heals and mine and known.state is DamageState.OPEN and is_old:
                        self._damages[index] = replace(
                            known, state=DamageState.HEALED, ended_at=one.read_at, because=_AS_KEPT
                        )
                self._see(one.damages)
            self._journal.append(events)
        return ()

    def record_damage(self, damages: Sequence[Damage], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        with self._lock:
            if ended := self._ended_since(damages):
                return ended
            self._see(damages)
            self._journal.append(events)
        return ()

    def claimants(self) -> tuple[Claimant, ...]:
        return tuple({row.claimant for row in self._rows() if row.claimant is not None})

    def restore_reading(self, package: PackageId, store: StoreName, read_at: datetime) -> None:
        with self._lock:
            list(self._rows())
            row = self._known.get((package, store))
            if row is not None and row.replica.read_at < read_at:
                row.replica = replace(row.replica, read_at=read_at)

    def release(self, claimant: Claimant) -> None:
        with self._lock:
            for row in self._known.values():
                if row.claimant == claimant:
                    row.claimant = row.until = None

    def damages(
        self, state: DamageState | None = DamageState.OPEN, package: PackageId | None = None
    ) -> Iterator[RecordedDamage]:
        return (
            one
            for one in list(self._damages)
            if state in {None, one.state} and package in {None, one.damage.package}
        )

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
        with self._lock:
            known = {one.number: index for index, one in enumerate(self._damages)}
            for number in numbers:
                if number not in known:
                    raise no_damage(number)
            ended = []
            for number in sorted(set(numbers)):
                one = self._damages[known[number]]
                if one.state is DamageState.OPEN:
                    one = replace(one, state=state, ended_at=at, ended_by=by, because=because)
                    self._damages[known[number]] = one
                    ended.append(one)
            self._journal.append(events)
            return tuple(ended)

    def approve_repairs(
        self, numbers: Sequence[int], approval: RepairApproval, events: Iterable[Event]
    ) -> tuple[RecordedDamage, ...]:
        with self._lock:
            known = {one.number: index for index, one in enumerate(self._damages)}
            for number in numbers:
                if number not in known:
                    raise no_damage(number)
            approved = []
            for number in sorted(set(numbers)):
                one = self._damages[known[number]]
                if one.state is DamageState.OPEN and one.approval is None:
                    one = replace(one, approval=approval)
                    self._damages[known[number]] = one
                    approved.append(one)
            self._journal.append(events)
            return tuple(approved)

    def files_in(self, store: StoreName) -> int:
        return sum(row.replica.files for row in self._rows() if row.replica.store == store)

    def sampled(self, store: StoreName, numbers: Iterable[int]) -> Iterator[SampledFile]:
        mine = [row.replica for row in self._rows() if row.replica.store == store]
        for number in sorted(numbers):
            left = number
            for one in mine:
                if left < one.files:
                    yield SampledFile(one, left)
                    break
                left -= one.files

    def beside(self, replica: AuditedReplica, most: int) -> tuple[AuditedReplica, ...]:
        mine = list(self.replicas(replica.store))
        at = next(index for index, one in enumerate(mine) if one.package == replica.package)
        return (*mine[max(0, at - most) : at], *mine[at + 1 : at + 1 + most])

    def replicas(
        self, store: StoreName, collection: CollectionName | None = None
    ) -> Iterator[AuditedReplica]:
        return (
            row.replica
            for row in self._rows()
            if row.replica.store == store and collection in {None, row.replica.package.object.collection}
        )

    def _forget(self, store: StoreName, at: datetime, by: str, because: str) -> None:
        self._known = {key: row for key, row in self._known.items() if row.replica.store != store}
        for index, one in enumerate(self._damages):
            if one.damage.store == store and one.state is DamageState.OPEN:
                closed = replace(one, state=DamageState.CLOSED, ended_at=at, ended_by=by, because=because)
                self._damages[index] = closed

    def _rows(self) -> list[_Row]:
        for kept in self._catalogue.packages():
            for one in kept.replicas:
                first = AuditedReplica(kept.package, one.store, one.files, one.bytes, one.verified_at)
                self._known.setdefault((kept.package, one.store), _Row(first))
        return list(self._known.values())

    def _ended_since(self, damages: Sequence[Damage]) -> tuple[RecordedDamage, ...]:
        open_ones = {_file(one.damage) for one in self._damages if one.state is DamageState.OPEN}
        seen = {_file(damage): damage.at for damage in damages if _file(damage) not in open_ones}
        return tuple(
            one
            for one in self._damages
            if one.ended_at is not None and one.ended_at > seen.get(_file(one.damage), one.ended_at)
        )

    def _see(self, damages: Iterable[Damage]) -> None:
        for damage in damages:
            for index, known in enumerate(self._damages):
                before = known.damage
                if _file(before) == _file(damage) and known.state is DamageState.OPEN:
                    stays = damage.found is None and damage.kind is before.kind
                    was = {"found": before.found, "found_size": before.found_size} if stays else {}
                    self._damages[index] = replace(known, damage=replace(damage, **was))
                    break
            else:
                self._damages.append(RecordedDamage(len(self._damages) + 1, damage, damage.at))


def _file(damage: Damage) -> tuple[PackageId, StoreName, BagPath]:
    return damage.package, damage.store, damage.path


def _counted(found: Sequence[AuditedReplica]) -> ReplicaCounts:
    return ReplicaCounts(
        len(found),
        sum(one.files for one in found),
        sum(one.bytes for one in found),
        min((one.read_at for one in found), default=None),
    )


def _is_in(replica: AuditedReplica, scope: Scope) -> bool:
    return (
        replica.store == scope.store
        and replica.package.object.collection == scope.collection
        and replica.read_at < scope.before
        and (scope.since is None or replica.read_at >= scope.since)
    )
