"""Replicas that stand in the catalogue and are gone as a whole: found, recorded as damage, written anew."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.copy_package import copied_event, copy_package, size_of
from flows.archive.fill_outcomes import FilledReplica, NotFilled
from flows.archive.fill_progress import FillProgress
from flows.archive.fill_request import Budget, FillRequest
from flows.archive.presence import gone_replicas
from flows.archive.replica_claim import claimed_replica, in_use
from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.model.amounts import count
from preservation.model.damage import Damage, DamageKind
from preservation.model.identifiers import PackageId
from preservation.model.packages import Replica
from preservation.model.paths import BagPath, printable
from storage.audits.damage_records import record_open
from storage.audits.events import damage_event, read_event
from storage.ports.audits import ReadReplica, RecordedDamage
from storage.ports.catalogue import Registration
from storage.ports.stores import Store
from storage.replication.progress import Listener

_FEW = 10
_SHARE = 10
"""Where more than ten replicas, and more than a tenth of a store's, are gone, a person has to look first."""

_TOGETHER = 200
_NAMED = 10
_WHOLE = BagPath("")


class GoneFrom:
    """The replicas that are gone from one store, and their rewriting."""

    def __init__(self, installation: Installation, store: Store, request: FillRequest) -> None:
        self._installation = installation
        self._store = store
        self._request = request

    def found(self) -> Iterable[PackageId] | NotFilled:
        """Look for every replica of the store; return those that are gone, or why they stay so.

        Those whose loss is recorded, and that are there again, come too: they are read. Raises
        ``StorageError`` where store or database do not answer.
        """
        catalogue, store, collection = self._installation.catalogue, self._store, self._request.collection
        held = catalogue.packages(collection, held_by=store.name)
        gone = (one.package for one in gone_replicas(store, held))
        if self._request.really_all:
            return gone
        lacked = catalogue.lacked_by(store.name)
        lacking = sum(lacked.values()) if collection is None else lacked.get(collection, 0)
        replicas = catalogue.counts(collection).packages - lacking
        first = list(islice(gone, max(_FEW, replicas // _SHARE) + 1))
        if len(first) > _FEW and len(first) * _SHARE > replicas:
            return NotFilled(store.name, None, self._disaster(len(first), replicas), damage=True)
        known = set(first)
        return [*first, *(package for package in self._recorded() if package not in known)]

    def written(
        self, packages: Iterable[PackageId], budget: Budget, progress: FillProgress
    ) -> Iterator[FilledReplica | NotFilled]:
        """Write replicas anew; each loss is in the journal, and an alarm, before anything is written."""
        remaining = iter(packages)
        while batch := list(islice(remaining, _TOGETHER)):
            whole, looked_at = [], now()
            for package in batch:
                if self._is_replaceable(package):
                    whole.append(package)
                else:
                    yield NotFilled(self._store.name, package, self._partly_gone(package), damage=True)
            if not self._request.dry_run:
                self._record(whole, looked_at)
            for package in whole:
                kept = self._installation.catalogue.package(package)
                if not budget.allows(size_of(kept)):
                    continue
                if self._request.dry_run:
                    yield FilledReplica(self._store.name, package, size_of(kept), was_gone=True)
                else:
                    progress.expect(size_of(kept))
                    yield from self._written(kept, progress.listen)
                    progress.end(size_of(kept))

    def _written(self, kept: Registration, progress: Listener) -> Iterator[FilledReplica | NotFilled]:
        audits, package = self._installation.audits, kept.package
        with claimed_replica(audits, package, self._store.name) as claimed:
            if claimed is None:
                yield NotFilled(self._store.name, package, in_use(package, self._store.name))
                return
            found = self._open(package)
            if not any(map(self._is_loss, found)):
                # A repair put it back since it was looked for.
                return
            # After the damage was seen, also where the clock was set back since: then all of it is healed.
            begun = max([now(), *(one.damage.at + timedelta(microseconds=1) for one in found)])
            # Nothing is taken away: what lies there was written by an earlier try, or by someone else.
            for one in copy_package(self._installation, kept, self._store, None, progress):
                if isinstance(one, Replica):
                    read_at = max(now(), begun)
                    counts = (one.files, one.bytes)
                    events = [
                        copied_event(package, one, "had lost all of it"),
                        read_event(replace(claimed, begun_at=begun), read_at, counts, 0, SOFTWARE),
                    ]
                    audits.conclude([ReadReplica(claimed, begun, read_at, ())], events)
                    yield FilledReplica(self._store.name, package, one.bytes, was_gone=True)
                else:
                    yield one

    def _recorded(self) -> Iterator[PackageId]:
        """Yield the replicas of which the loss is recorded."""
        for one in self._installation.audits.damages():
            mine = self._request.collection in {None, one.damage.package.object.collection}
            if mine and self._is_loss(one):
                yield one.damage.package

    def _open(self, package: PackageId) -> list[RecordedDamage]:
        found = self._installation.audits.damages(package=package)
        return [one for one in found if one.damage.store == self._store.name]

    def _is_loss(self, one: RecordedDamage) -> bool:
        damage = one.damage
        is_whole = damage.path == _WHOLE and damage.kind is DamageKind.MISSING
        return is_whole and damage.store == self._store.name

    def _is_replaceable(self, package: PackageId) -> bool:
        """Return whether nothing of the replica was there when it was looked for, now or by the record."""
        nothing = next(iter(self._store.list(package.prefix)), None) is None
        return nothing or any(map(self._is_loss, self._open(package)))

    def _record(self, packages: Sequence[PackageId], looked_at: datetime) -> None:
        """Raise the alarm and record the loss of those of which it is not recorded yet.

        What was put back since it was looked at is not lost any more.
        """
        new = [package for package in packages if not any(map(self._is_loss, self._open(package)))]
        if not new:
            return
        sentence = self._loss(new)
        raise_alarm(
            self._installation.settings, integrity_alarm(f"store {self._store.name}", sentence, now())
        )
        damages = [
            Damage(package, self._store.name, _WHOLE, DamageKind.MISSING, looked_at, {}) for package in new
        ]
        record_open(
            self._installation.audits,
            damages,
            lambda lost: [damage_event(damage, SOFTWARE) for damage in lost],
        )

    def _loss(self, packages: Sequence[PackageId]) -> str:
        named = ", ".join(printable(str(package)) for package in packages[:_NAMED])
        more = f" and {len(packages) - _NAMED:,} more" if len(packages) > _NAMED else ""
        replicas = "the whole replica" if len(packages) == 1 else f"{count(len(packages), 'whole replica')}"
        verb = "is" if len(packages) == 1 else "are"
        return (
            f"store {self._store.name}: {replicas} of {named}{more} {verb} gone, which the catalogue has "
            "there; what is gone is written anew from the other stores: find out who removed it"
        )

    def _disaster(self, gone: int, replicas: int) -> str:
        store = self._store.name
        return (
            f"store {store}: at least {gone:,} of its {count(replicas, 'replica')} are gone as a whole, more "
            "than a tenth; nothing is written into it before a person has looked. Find out what happened, "
            f"then run: muniment replicate --missing --store {store} --really-all"
        )

    def _partly_gone(self, package: PackageId) -> str:
        where = f"store {self._store.name}: the tag manifest of {printable(str(package))}"
        return (
            f"{where} is gone, and other files of it are there. Read it: muniment audit --object "
            f"{printable(str(package.object))}; then put back what is missing: muniment repair"
        )
