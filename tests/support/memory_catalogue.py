"""The catalogue in memory: the peer of the database under one contract, and the tests' own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

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
    has_other_replicas,
    holds_another,
    is_another_store,
    is_registered,
    not_kept,
)
from storage.ports.journal import Journal


class MemoryCatalogue:
    """A ``Catalogue`` that is gone with the process; the events it is given go to ``journal``."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._versions: dict[PackageId, SubmissionId] = {}
        self._registrations: dict[PackageId, Registration] = {}
        self._files: dict[PackageId, tuple[CatalogueFile, ...]] = {}
        self._conclusions: dict[SubmissionId, Conclusion] = {}
        self._identities: dict[StoreName, StoreIdentity] = {}
        self.when_forgotten: list[Callable[[StoreName, datetime, str, str], None]] = []
        self._lock = threading.Lock()

    def reserve(
        self,
        submission: SubmissionId,
        object_id: ObjectId,
        fingerprint: HexDigest,
        doubted: PackageId | None = None,
    ) -> Reservation:
        """Give the submission a version number of the object, or say that its content is kept already."""
        with self._lock:
            kept = self.latest(object_id)
            if kept is not None and kept.fingerprint == fingerprint and kept.package != doubted:
                return AlreadyKept(kept.package, kept.submission, kept.replicas)
            held = self._held_by(submission)
            if held is None:
                taken = [package.version for package in self._versions if package.object == object_id]
                held = PackageId(object_id, VersionNumber(max(taken, default=0) + 1))
                self._versions[held] = submission
            elif held.object != object_id or held in self._registrations:
                raise holds_another(submission, held)
            return Reserved(held)

    def release(self, submission: SubmissionId) -> None:
        """Give a reserved number back, so that another submission may have it."""
        with self._lock:
            held = self._held_by(submission)
            if held is None:
                return
            if held in self._registrations:
                raise is_registered(held)
            del self._versions[held]

    def register(
        self, registration: Registration, files: Iterable[CatalogueFile], events: Iterable[Event] = ()
    ) -> None:
        """Record a kept version, its files and the events that record it."""
        package, submission = registration.package, registration.submission
        with self._lock:
            held = self._held_by(submission)
            if held is not None and held != package:
                raise holds_another(submission, held)
            owner = self._versions.get(package, submission)
            if owner != submission:
                raise belongs_to(package, owner)
            listed = self._files.get(package) or tuple(files)
            self._journal.append(events)
            self._versions[package] = submission
            replicas = tuple(sorted(registration.replicas, key=lambda replica: replica.store))
            digests = tuple(sorted(registration.tag_digests))
            kept = replace(registration, replicas=replicas, tag_digests=digests)
            self._registrations.setdefault(package, kept)
            self._files[package] = listed

    def record_tag_digests(
        self, package: PackageId, digests: Iterable[TagDigest], events: Iterable[Event]
    ) -> None:
        """Record the digests of a kept version that has none, and the events."""
        with self._lock:
            kept = self.package(package)
            if kept.tag_digests:
                raise has_digests(package)
            self._journal.append(events)
            self._registrations[package] = replace(kept, tag_digests=tuple(sorted(digests)))

    def alter(self, registration: Registration) -> None:
        """Change what is registered by hand, as an intruder does."""
        self._registrations[registration.package] = registration

    def forget(self, package: PackageId) -> None:
        """Remove a registration by hand, as an intruder does."""
        del self._registrations[package], self._files[package]

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Undo at the end of the context what was done to registrations in it."""
        registrations, files = dict(self._registrations), dict(self._files)
        try:
            yield
        finally:
            self._registrations, self._files = registrations, files

    def conclude(self, conclusion: Conclusion, events: Iterable[Event] = ()) -> None:
        """Record how a submission ended."""
        with self._lock:
            self._journal.append(events)
            self._conclusions.pop(conclusion.submission.identifier, None)
            self._conclusions[conclusion.submission.identifier] = conclusion

    def package(self, package: PackageId) -> Registration:
        """Return what is known of one kept version."""
        if package not in self._registrations:
            raise not_kept(package)
        return self._registrations[package]

    def tag_digests(self, packages: Sequence[PackageId]) -> Mapping[PackageId, tuple[TagDigest, ...]]:
        """Return the tag digests of those of the versions that are kept."""
        kept = (self._registrations[package] for package in packages if package in self._registrations)
        return {one.package: one.tag_digests for one in kept}

    def packages(
        self,
        collection: CollectionName | None = None,
        *,
        held_by: StoreName | None = None,
        lacked_by: StoreName | None = None,
        newest_first: bool = False,
    ) -> Iterator[Registration]:
        """Yield every kept version, of one collection or of all, in the order of registration."""
        return (
            kept
            for kept in list(self._registrations.values())[:: -1 if newest_first else 1]
            if (collection is None or kept.package.object.collection == collection)
            and (held_by is None or held_by in _stores_of(kept))
            and (lacked_by is None or lacked_by not in _stores_of(kept))
        )

    def reserved(self) -> Iterator[PackageId]:
        """Yield every version number that is given to a submission and not registered."""
        return (package for package in self._versions if package not in self._registrations)

    def files(self, package: PackageId) -> Iterator[CatalogueFile]:
        """Yield the files of a kept version in the order in which they were registered."""
        if package not in self._files:
            raise not_kept(package)
        return iter(self._files[package])

    def latest(self, object_id: ObjectId) -> Registration | None:
        """Return the kept version of the highest number, or ``None``."""
        return self._newest(kept for kept in self._registrations.values() if kept.package.object == object_id)

    def history(self, object_id: ObjectId) -> History:
        """Return everything known of one object; empty where nothing is."""
        kept = (each for each in self._registrations.values() if each.package.object == object_id)
        ends = (end for end in self._conclusions.values() if end.submission.object == object_id)
        return History(tuple(sorted(kept, key=lambda each: each.package)), tuple(ends))

    def conclusions(self, verdict: Verdict | None = None) -> Iterator[Conclusion]:
        """Yield how submissions ended, latest first."""
        return (
            end for end in reversed(self._conclusions.values()) if verdict is None or end.verdict is verdict
        )

    def lacked_by(self, store: StoreName) -> Mapping[CollectionName, int]:
        """Return how many kept versions of each collection have no replica in ``store``."""
        return Counter(kept.package.object.collection for kept in self.packages(lacked_by=store))

    def add_replica(self, package: PackageId, replica: Replica, events: Iterable[Event] = ()) -> None:
        """Record another replica of a kept version, and the events that record it."""
        with self._lock:
            kept = self.package(package)
            if replica.store not in _stores_of(kept):
                self._journal.append(events)
                replicas = tuple(sorted((*kept.replicas, replica), key=lambda one: one.store))
                self._registrations[package] = replace(kept, replicas=replicas)

    def forget_store(
        self,
        store: StoreName,
        replicas: int,
        *,
        at: datetime,
        by: str,
        because: str,
        event_of: Callable[[PackageId], Event],
    ) -> None:
        """Strike every replica in a store, and its identity."""
        with self._lock:
            held = list(self.packages(held_by=store))
            if len(held) != replicas:
                raise has_other_replicas(store, replicas, len(held))
            self._journal.append([event_of(kept.package) for kept in held])
            for kept in held:
                left = tuple(one for one in kept.replicas if one.store != store)
                self._registrations[kept.package] = replace(kept, replicas=left)
            self._identities.pop(store, None)
            for forgotten in self.when_forgotten:
                forgotten(store, at, by, because)

    def store_identities(self) -> Mapping[StoreName, StoreIdentity]:
        """Return the identity of each store that has one."""
        return dict(self._identities)

    def keep_store_identity(self, store: StoreName, identity: StoreIdentity) -> None:
        """Record the identity that a store has from now on."""
        with self._lock:
            for owner, owned in self._identities.items():
                if owned == identity and owner != store:
                    raise is_another_store(store, identity, owner)
            self._identities[store] = identity

    def objects(self, collection: CollectionName | None = None, search: str = "") -> Iterator[KeptObject]:
        """Yield every object that is kept, by collection and name."""
        named = {each.package.object for each in self._registrations.values()}
        for object_id in sorted(named):
            if collection in {None, object_id.collection} and search.lower() in object_id.name.lower():
                versions = self.history(object_id).registrations
                last = versions[-1]
                yield KeptObject(last.package, len(versions), last.files, last.bytes, last.registered_at)

    def counts(self, collection: CollectionName | None = None) -> Counts:
        """Return how much is kept and how submissions ended."""
        kept = [
            each
            for each in self._registrations.values()
            if collection in {None, each.package.object.collection}
        ]
        return Counts(
            objects=len({each.package.object for each in kept}),
            packages=len(kept),
            files=sum(each.files for each in kept),
            bytes=sum(each.bytes for each in kept),
            conclusions=Counter(
                end.verdict
                for end in self._conclusions.values()
                if collection in {None, end.submission.object.collection}
            ),
        )

    def _held_by(self, submission: SubmissionId) -> PackageId | None:
        return next((held for held, owner in self._versions.items() if owner == submission), None)

    @staticmethod
    def _newest(registrations: Iterable[Registration]) -> Registration | None:
        return max(registrations, key=lambda each: each.package.version, default=None)


def _stores_of(kept: Registration) -> set[StoreName]:
    return {replica.store for replica in kept.replicas}
