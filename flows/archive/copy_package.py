"""Copies one kept package into one store, from those that have it, and reads it back there."""

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import uuid4

from flows.archive.fill_outcomes import FilledReplica, NotFilled
from flows.archive.fill_progress import FillProgress
from flows.installation.disk_faults import translated_faults
from flows.installation.scratch import scratch_folder
from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.errors import IntegrityError, PreservationError
from preservation.model.amounts import count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId
from preservation.model.packages import Replica
from preservation.model.tag_digests import TagDigest
from storage.fill import fill
from storage.ports.catalogue import Registration
from storage.ports.stores import Purger, Store
from storage.replication.outcomes import AtFault, Failed, Mismatch, StoreOutcome, Verified
from storage.replication.progress import Listener
from storage.tag_digests import recorded_digests


def copy_package(
    installation: Installation,
    kept: Registration,
    target: Store,
    purger: Purger | None,
    progress: Listener | None = None,
) -> Iterator[NotFilled | Replica]:
    """Copy a package into ``target``: yield the replica last, or why there is none.

    What was seen to be damaged in the stores it is copied from comes before. ``purger`` may take away what an
    unfinished try left in ``target``. The caller records the replica. Raises ``StorageError`` where the
    database does not answer.
    """
    package = kept.package
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    if recorded.doubts:
        yield NotFilled(target.name, package, ". ".join(recorded.doubts), damage=True)
        return
    seen: dict[StoreName, list[str]] = {}
    having = [
        store
        for store in installation.stores
        if store.name != target.name and store.name in {replica.store for replica in kept.replicas}
    ]
    found = _copied(package, target, having, installation, recorded.digests, seen, purger, progress)
    for store, sentences in seen.items():
        more = f". And {len(sentences) - 1:,} more of its files" if len(sentences) > 1 else ""
        yield NotFilled(store, package, f"{sentences[0]}{more}", damage=True)
    match found:
        case Verified(replica):
            yield replica
        case Mismatch() | Failed():
            damage = isinstance(found, Mismatch) and found.at_fault is AtFault.STORE
            yield NotFilled(target.name, package, found.reason, damage=damage)
        case _:
            # What is damaged in the stores to copy from is reported of these.
            damage = isinstance(found, IntegrityError) and not seen
            yield NotFilled(target.name, package, str(found), damage=damage)


def fill_with(
    installation: Installation, kept: Registration, target: Store, progress: FillProgress, *, dry_run: bool
) -> Iterator[FilledReplica | NotFilled]:
    """Copy a package into ``target``, which lacks it, and record the replica; with ``dry_run`` neither."""
    if dry_run:
        yield FilledReplica(target.name, kept.package, size_of(kept))
        return
    try:
        purger = installation.purgers[target.name]
        for one in copy_package(installation, kept, target, purger, progress.listen):
            if isinstance(one, Replica):
                event = copied_event(kept.package, one, "lacked it")
                installation.catalogue.add_replica(kept.package, one, [event])
                yield FilledReplica(target.name, kept.package, one.bytes)
            else:
                yield one
    except PreservationError as error:
        yield NotFilled(target.name, kept.package, str(error), damage=isinstance(error, IntegrityError))
    progress.end(size_of(kept))


def copied_event(package: PackageId, replica: Replica, why: str) -> Event:
    """Return the event that a package was copied into a store; ``why`` says what was not there before."""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.REPLICATION, str(package), replica.store),
        EventType.REPLICATION,
        replica.verified_at,
        str(package),
        EventOutcome.SUCCESS,
        f"{package} copied to store {replica.store}, which {why}, and read back from it",
        f"{count(replica.files, 'file')}, {count(replica.bytes, 'byte')} matched",
        SOFTWARE,
    )


def size_of(kept: Registration) -> int:
    """Return how many bytes a replica of the package has; 0 where it has none left."""
    return max((replica.bytes for replica in kept.replicas), default=0)


def _copied(
    package: PackageId,
    target: Store,
    having: Sequence[Store],
    installation: Installation,
    recorded: Sequence[TagDigest],
    seen: dict[StoreName, list[str]],
    purger: Purger | None,
    progress: Listener | None,
) -> StoreOutcome | PreservationError:
    """Copy the package into ``target``; collect in ``seen`` what is damaged in the stores that have it."""
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
                having,
                partial(installation.catalogue.files, package),
                recorded,
                purger=purger,
                scratch=scratch,
                threads=settings.work.threads,
                clock=now,
                damaged=damaged,
                progress=progress,
            )
    except PreservationError as error:
        return error
