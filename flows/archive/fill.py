"""Fills stores: copies into each the packages that it lacks, because it was away or is new."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.journal_seal import seal
from flows.archive.presence import gone_replicas
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation
from preservation.errors import IntegrityError, PreservationError, UnavailableError
from preservation.files.lock import locked
from preservation.model.amounts import count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId
from preservation.model.packages import Replica
from storage.fill import fill
from storage.ports.stores import Store
from storage.replication.outcomes import AtFault, Mismatch, Verified
from storage.tag_digests import recorded_digests


@dataclass(frozen=True, slots=True)
class FilledReplica:
    """A package that a store lacked and has now, or would get; every byte was read back there."""

    store: StoreName
    package: PackageId


@dataclass(frozen=True, slots=True)
class NotFilled:
    """What a store still lacks, and why: one package, or all of them where the store is away.

    ``damage`` means that a store does not hold what was promised.
    """

    store: StoreName
    package: PackageId | None
    sentence: str
    damage: bool = False


def fill_installation(settings: Settings, *, dry_run: bool) -> Iterator[FilledReplica | NotFilled]:
    """Fill every store that is there, as a run of the job; damage raises alarms.

    Also looks whether each replica that stands in the catalogue is there: one that is gone as a whole is
    reported, and not replaced. With ``dry_run`` nothing is written, not even the journal.

    Raises:
        UnavailableError: Another run fills the stores.
        StorageError: The database does not answer.
        ConfigurationError: A setting or a policy is wrong.
    """
    with ExitStack() as opened:
        failed = []
        is_filled = False
        if not dry_run:
            run_failed = opened.enter_context(recorded_run(Job.FILL_STORES, settings))
            if not opened.enter_context(locked(settings.state / "fill.lock", wait=False)):
                raise UnavailableError("another run fills the stores; it is done when that one has ended")
        installation = opened.enter_context(open_installation(settings))
        for one in _filled(installation, dry_run=dry_run):
            if isinstance(one, NotFilled):
                failed.append(one.sentence)
                if one.damage and not dry_run:
                    raise_alarm(settings, integrity_alarm(f"store {one.store}", one.sentence, now()))
            is_filled |= isinstance(one, FilledReplica) and not dry_run
            yield one
        if is_filled:
            # The journal has an event of each; the store may have been away when it was sealed.
            failed += seal(installation).absences
        if failed and not dry_run:
            run_failed(failed[0] if len(failed) == 1 else f"{failed[0]} And {len(failed) - 1} more.")


def _filled(installation: Installation, *, dry_run: bool) -> Iterator[FilledReplica | NotFilled]:
    catalogue = installation.catalogue
    for store in installation.stores:
        try:
            store.check()
            for gone in gone_replicas(store, catalogue.packages(held_by=store.name)):
                yield NotFilled(store.name, gone.package, gone.sentence, damage=True)
        except PreservationError as error:
            yield NotFilled(store.name, None, str(error))
            continue
        for kept in catalogue.packages(lacked_by=store.name):
            # In the order of registration: a version comes after those whose bytes it relies on.
            try:
                if store.name not in installation.store_names_for(kept.package.object.collection):
                    continue
                yield (
                    FilledReplica(store.name, kept.package)
                    if dry_run
                    else _fill(kept.package, store, kept.replicas, installation)
                )
            except PreservationError as error:
                damage = isinstance(error, IntegrityError)
                yield NotFilled(store.name, kept.package, str(error), damage=damage)


def _fill(
    package: PackageId, target: Store, replicas: tuple[Replica, ...], installation: Installation
) -> FilledReplica | NotFilled:
    having = {replica.store for replica in replicas}
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    if recorded.doubts:
        return NotFilled(target.name, package, ". ".join(recorded.doubts), damage=True)
    with scratch_folder(installation.settings.processing, ".filling") as scratch:
        outcome = fill(
            package,
            target,
            [store for store in installation.stores if store.name in having],
            tuple(installation.catalogue.files(package)),
            recorded.digests,
            purger=installation.purgers[target.name],
            scratch=scratch,
            threads=installation.settings.work.threads,
            clock=now,
        )
    if isinstance(outcome, Verified):
        installation.catalogue.add_replica(package, outcome.replica, [_replicated(package, outcome.replica)])
        return FilledReplica(target.name, package)
    damage = isinstance(outcome, Mismatch) and outcome.at_fault is AtFault.STORE
    return NotFilled(target.name, package, outcome.reason, damage=damage)


def _replicated(package: PackageId, replica: Replica) -> Event:
    """Return the event that a package was copied into a store that lacked it."""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.REPLICATION, str(package), replica.store),
        EventType.REPLICATION,
        now(),
        str(package),
        EventOutcome.SUCCESS,
        f"{package} copied to store {replica.store}, which lacked it, and read back from it",
        f"{count(replica.files, 'file')}, {count(replica.bytes, 'byte')} matched",
        SOFTWARE,
    )
