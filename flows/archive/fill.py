"""Fills stores: copies into each the packages that it lacks, because it was away or is new."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.journal_seal import seal
from flows.archive.presence import gone_replicas
from flows.installation.disk_faults import translated_faults
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
from preservation.model.tag_digests import TagDigest
from storage.fill import fill
from storage.ports.stores import Store
from storage.replication.outcomes import AtFault, Failed, Mismatch, StoreOutcome, Verified
from storage.tag_digests import recorded_digests


@dataclass(frozen=True, slots=True)
class FilledReplica:
    """A package that a store lacked and has now, or would get; every byte was read back there."""

    store: StoreName
    package: PackageId


@dataclass(frozen=True, slots=True)
class NotFilled:
    """What a store still lacks, and why: one package, or all of them where the store is away.

    ``damage`` means that this store does not hold what was promised, also where it was only read to fill
    another one.
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
                if dry_run:
                    yield FilledReplica(store.name, kept.package)
                    continue
                yield from _fill(kept.package, store, kept.replicas, installation)
            except PreservationError as error:
                yield NotFilled(
                    store.name, kept.package, str(error), damage=isinstance(error, IntegrityError)
                )


def _fill(
    package: PackageId, target: Store, replicas: tuple[Replica, ...], installation: Installation
) -> Iterator[FilledReplica | NotFilled]:
    """Fill a store with a package; what was seen to be damaged in the others comes first.

    Raises ``PreservationError`` where that is not known.
    """
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    if recorded.doubts:
        yield NotFilled(target.name, package, ". ".join(recorded.doubts), damage=True)
        return
    seen: dict[StoreName, list[str]] = {}
    found = _copied(package, target, replicas, installation, recorded.digests, seen)
    for store, sentences in seen.items():
        more = f". And {len(sentences) - 1:,} more of its files" if len(sentences) > 1 else ""
        yield NotFilled(store, package, f"{sentences[0]}{more}", damage=True)
    match found:
        case Verified(replica):
            event = _replicated(package, replica)
            installation.catalogue.add_replica(package, replica, [event])
            yield FilledReplica(target.name, package)
        case Mismatch() | Failed():
            damage = isinstance(found, Mismatch) and found.at_fault is AtFault.STORE
            yield NotFilled(target.name, package, found.reason, damage=damage)
        case _:
            # What is damaged in the stores to copy from is reported of these.
            damage = isinstance(found, IntegrityError) and not seen
            yield NotFilled(target.name, package, str(found), damage=damage)


def _copied(
    package: PackageId,
    target: Store,
    replicas: tuple[Replica, ...],
    installation: Installation,
    recorded: Sequence[TagDigest],
    seen: dict[StoreName, list[str]],
) -> StoreOutcome | PreservationError:
    """Copy the package into ``target``; collect in ``seen`` what is damaged in the stores that have it."""
    having = {replica.store for replica in replicas}
    settings = installation.settings

    def damaged(store: StoreName, sentence: str) -> None:
        seen.setdefault(store, []).append(sentence)

    try:
        with (
            translated_faults(settings),
            scratch_folder(settings.processing, ".filling") as scratch,
        ):
            return fill(
                package,
                target,
                [store for store in installation.stores if store.name in having],
                tuple(installation.catalogue.files(package)),
                recorded,
                purger=installation.purgers[target.name],
                scratch=scratch,
                threads=settings.work.threads,
                clock=now,
                damaged=damaged,
            )
    except PreservationError as error:
        return error


def _replicated(package: PackageId, replica: Replica) -> Event:
    """Return the event that a package was copied into a store that lacked it."""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.REPLICATION, str(package), replica.store),
        EventType.REPLICATION,
        replica.verified_at,
        str(package),
        EventOutcome.SUCCESS,
        f"{package} copied to store {replica.store}, which lacked it, and read back from it",
        f"{count(replica.files, 'file')}, {count(replica.bytes, 'byte')} matched",
        SOFTWARE,
    )
