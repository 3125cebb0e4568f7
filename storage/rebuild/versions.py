"""Adding versions and replicas to a catalogue that lacks them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from preservation.errors import AlreadyExistsError, IntegrityError, NotFoundError, StorageError
from preservation.fixity.checking import Confirmed
from preservation.ingest_events import entered
from preservation.model.amounts import OnProgress, count
from preservation.model.events import Agent, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId
from preservation.model.packages import Replica
from preservation.model.paths import printable
from preservation.model.tag_digests import TagDigest, stated
from storage.ports.catalogue import Catalogue, Registration
from storage.ports.stores import Store, unwatched
from storage.readback import read_back
from storage.rebuild.lists import VersionLists, lists_of
from storage.rebuild.outcomes import AddedReplica, AddedVersion, LostRecord, RebuildFault
from storage.rebuild.statements import EnteredVersion, Replicated
from storage.rebuild.version import StatedVersion, files_of, promised_files, stated_version
from storage.tag_digests import found_digests


@dataclass(frozen=True)
class VersionAdder:
    """Adds what ``catalogue`` lacks, from the first of ``sources`` that has it as it was kept.

    A replica is recorded as the journal states it; where that states none, every byte of the copy is read
    back first. ``configured`` are the stores of the settings, those that are away included. ``chosen`` says
    that a person named the first source: it then counts where replicas differ and nothing vouches for one.
    ``progress`` is called with files that are listed or read back.
    """

    catalogue: Catalogue
    sources: Sequence[Store]
    configured: Mapping[StoreName, Store]
    scratch: Path
    threads: int
    clock: Callable[[], datetime]
    software: Agent
    chosen: bool = False
    dry_run: bool = False
    progress: OnProgress = unwatched
    added: set[PackageId] = field(default_factory=set)

    def known(self, package: PackageId) -> Registration | None:
        """Return what the catalogue has of a version."""
        try:
            return self.catalogue.package(package)
        except NotFoundError:
            return None

    def is_known(self, package: PackageId) -> bool:
        """Return whether the catalogue has a version."""
        return self.known(package) is not None

    def add(
        self,
        package: PackageId,
        kept: EnteredVersion | None,
        replicated: Mapping[StoreName, Replicated],
        first: Store | None = None,
    ) -> Iterator[AddedVersion | RebuildFault | LostRecord]:
        """Add a version that the catalogue lacks, from the ``first`` store or whichever has it.

        ``kept`` is its accession by the journal, ``None`` where that has none. Raises ``StorageError`` where
        the database does not answer.
        """
        recorded = () if kept is None else kept.tag_digests
        reasons = []
        for store in [first] if first is not None else self.sources:
            with ExitStack() as opened:
                try:
                    lists = opened.enter_context(lists_of(package, store, recorded, self.scratch))
                    version = stated_version(lists, self.progress)
                    if kept is None:
                        self._require_alike(lists)
                except NotFoundError as error:
                    reasons.append(str(error))
                    continue
                except (StorageError, IntegrityError) as error:
                    reasons.append(str(error))
                    yield RebuildFault(str(package), str(error), isinstance(error, IntegrityError))
                    continue
                try:
                    if kept is None:
                        yield from self._unvouched(lists, version)
                    else:
                        yield from self._vouched(lists, version, kept, replicated)
                except AlreadyExistsError as error:
                    yield RebuildFault(str(package), str(error), damage=True)
                return
        why = ". ".join(dict.fromkeys(reason.rstrip(".") for reason in reasons))
        yield RebuildFault(
            str(package), f"{package} is not rebuilt, for no store gave it: {why}", damage=True
        )

    def add_replica(self, kept: Registration, store: Store) -> Iterator[AddedReplica | RebuildFault]:
        """Add the replica in ``store`` of a version that the catalogue has, once all of it was read back."""
        package = kept.package
        if self.dry_run:
            yield AddedReplica(package, store.name)
            return
        with ExitStack() as opened:
            try:
                lists = opened.enter_context(lists_of(package, store, kept.tag_digests, self.scratch))
                replica = self.read_back(lists, store)
            except (StorageError, IntegrityError) as error:
                yield RebuildFault(str(package), str(error), isinstance(error, IntegrityError))
                return
        self.catalogue.add_replica(package, replica, [self.found(kept.submission, package, replica)])
        yield AddedReplica(package, store.name)

    def add_stated_replica(self, stated: Replicated) -> Iterator[AddedReplica]:
        """Add a replica of a version that the catalogue has, as the journal states it."""
        store = self.configured.get(stated.store)
        if store is not None:
            if not self.dry_run:
                self.catalogue.add_replica(stated.package, _replica(stated, store), ())
            yield AddedReplica(stated.package, stated.store)

    def _vouched(
        self,
        lists: VersionLists,
        version: StatedVersion,
        kept: EnteredVersion,
        replicated: Mapping[StoreName, Replicated],
    ) -> Iterator[AddedVersion | LostRecord]:
        replicas = tuple(
            _replica(one, self.configured[name])
            for name, one in sorted(replicated.items())
            if name in self.configured
        )
        self._register(lists, version, kept.at, replicas, kept.tag_digests)
        for name in sorted(replicated.keys() - self.configured.keys()):
            yield LostRecord(
                str(kept.package),
                f"where the replica of {kept.package} in store {name} lies: muniment.toml has no such store",
            )
        yield AddedVersion(
            lists.package, lists.store.name, vouched=True, replicas=tuple(one.store for one in replicas)
        )

    def _unvouched(
        self, lists: VersionLists, version: StatedVersion
    ) -> Iterator[AddedVersion | RebuildFault]:
        """Add a version by its bag alone, and state in the journal that nothing else vouches for it."""
        package, replicas = lists.package, []
        for store in () if self.dry_run else self._having(lists):
            try:
                replicas.append(self.read_back(lists, store))
            except (StorageError, IntegrityError) as error:
                yield RebuildFault(str(package), str(error), isinstance(error, IntegrityError))
        if not replicas and not self.dry_run:
            return
        at, names = self.clock(), tuple(replica.store for replica in replicas)
        events = [
            self._event(
                version.submission,
                EventType.ACCESSION,
                at,
                str(package.object),
                f"{entered(str(package))} again, as its bag in store {lists.store.name} states; the journal "
                "had no accession of it",
                f"found on that day: {stated(lists.tag_digests)}",
                "rebuilt",
            ),
            self._event(
                version.submission,
                EventType.MESSAGE_DIGEST_CALCULATION,
                at,
                str(package),
                f"tag manifests of {package} read in {' and '.join(names)}; nothing states what they were "
                "when it was kept",
                f"alike in {' and '.join(names)} on that day: {stated(lists.tag_digests)}",
                "tag manifests",
            ),
            *(self.found(version.submission, package, replica) for replica in replicas),
        ]
        self._register(lists, version, at, tuple(replicas), lists.tag_digests, events)
        yield AddedVersion(package, lists.store.name, vouched=False, replicas=names)

    def _register(
        self,
        lists: VersionLists,
        version: StatedVersion,
        at: datetime,
        replicas: tuple[Replica, ...],
        tag_digests: tuple[TagDigest, ...],
        events: Sequence[Event] = (),
    ) -> None:
        if self.dry_run:
            self.added.add(lists.package)
            return
        registration = Registration(
            package=lists.package,
            submission=version.submission,
            fingerprint=version.fingerprint,
            policy=version.policy,
            registered_at=at,
            files=version.files,
            bytes=version.bytes,
            replicas=replicas,
            tag_digests=tag_digests,
        )
        self.catalogue.register(registration, files_of(lists), events)

    def _having(self, lists: VersionLists) -> Iterator[Store]:
        """Yield the stores that have the version, that of its lists first."""
        yield lists.store
        for store in self.sources:
            if store.name != lists.store.name and _tags_in(store, lists):
                yield store

    def _require_alike(self, lists: VersionLists) -> None:
        """Raise ``IntegrityError`` where stores have different versions of that name, and nothing decides."""
        for store in () if self.chosen else self.sources:
            if _tags_in(store, lists) not in {(), lists.tag_digests}:
                raise IntegrityError(
                    f"{lists.package}: its tag manifests are others in store {store.name} than in "
                    f"{lists.store.name}, and the journal has no digest of them; find out which store was "
                    "changed, and name the other one: muniment rebuild --missing --from STORE"
                )

    def read_back(self, lists: VersionLists, store: Store) -> Replica:
        """Read every file of a version in ``store``. Raises ``IntegrityError`` at the first that differs."""
        files = size = 0
        promised = promised_files(lists)
        for reading in read_back(store, promised, threads=self.threads, progress=self.progress):
            if not isinstance(reading.verdict, Confirmed):
                raise IntegrityError(
                    f"store {store.name}: {printable(reading.promised.key)} is not there as its lists have "
                    "it; this copy counts as no replica: find out what happened there"
                )
            files += 1
            size += reading.verdict.size
        location = store.location(lists.package.prefix)
        return Replica(store.name, location, self.clock(), files, size)

    def found(self, submission: SubmissionId, package: PackageId, replica: Replica) -> Event:
        """Return the event that a copy which the journal did not know was read back: it is a replica."""
        return self._event(
            submission,
            EventType.REPLICATION,
            replica.verified_at,
            str(package),
            f"{package} found in store {replica.store} and read back from it",
            f"{count(replica.files, 'file')}, {count(replica.bytes, 'byte')} matched",
            f"found {package} {replica.store} {replica.verified_at.isoformat()}",
        )

    def _event(
        self,
        submission: SubmissionId,
        kind: EventType,
        at: datetime,
        about: str,
        detail: str,
        note: str,
        which: str,
    ) -> Event:
        # Nothing but the bytes that lie there vouches for what these state.
        outcome = EventOutcome.SUCCESS if kind is EventType.REPLICATION else EventOutcome.WARNING
        return Event(event_id(submission, kind, which), kind, at, about, outcome, detail, note, self.software)


def _replica(stated: Replicated, store: Store) -> Replica:
    location = store.location(stated.package.prefix)
    return Replica(stated.store, location, stated.at, stated.files, stated.bytes)


def _tags_in(store: Store, lists: VersionLists) -> tuple[TagDigest, ...]:
    """Return the digests of the tag manifests in ``store``; none where it has none or does not answer."""
    try:
        return found_digests(store, lists.package, lists.tag_digests[0].algorithm)
    except StorageError:
        return ()
