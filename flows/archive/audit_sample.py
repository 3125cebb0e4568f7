"""Samples: files drawn from all of a store or collection; where one is damaged, its neighbours are read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from random import Random
from uuid import uuid4

from flows.installation.wiring import SOFTWARE, now
from preservation.errors import IntegrityError, NotFoundError
from preservation.model.amounts import count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import CollectionName, PackageId, StoreName, SubmissionId
from storage.audits.damage_records import record_part
from storage.audits.replica import ReplicaReader
from storage.audits.work import AuditPorts, AuditResult, unjudged
from storage.ports.audits import AuditedReplica, Audits, SampledFile
from storage.tag_digests import recorded_digests

NEIGHBOURS = 5
"""So many replicas that came into the store before a damaged one, and after it, are read as a whole."""


def drawn(seed: int, files: int, sample: int) -> list[int]:
    """Return ``sample`` independent draws from the numbers below ``files``, the same for the same seed."""
    source = Random(seed)  # noqa: S311  an auditor draws the same sample again from the seed
    return [source.randrange(files) for _ in range(sample)]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a store, or of a ``collection`` in it: ``drawn`` files of ``files``, from ``seed``."""

    store: StoreName
    seed: int
    files: int
    drawn: int
    collection: CollectionName | None = None

    @property
    def drawn_from(self) -> str:
        """From how many files, and which, it is drawn."""
        return count(self.files, "file") + (f" of {self.collection}" if self.collection else "")


def sample_of(
    audits: Audits, store: StoreName, collection: CollectionName | None, seed: int, number: int
) -> Sample:
    """Return a sample of so many files; of a collection, its replicas are gone through to count them."""
    if collection is None:
        return Sample(store, seed, audits.files_in(store), number)
    files = sum(one.files for one in audits.replicas(store, collection))
    return Sample(store, seed, files, number, collection)


def read_sample(ports: AuditPorts, sample: Sample, reader: ReplicaReader) -> Iterator[AuditResult]:
    """Read the files of a sample, a replica after the other; damage is recorded, and so is the sample.

    Raises ``StorageError`` where the store or the database is away.
    """
    numbers = drawn(sample.seed, sample.files, sample.drawn)
    read = damaged = 0
    chosen = chosen_files(ports.audits, sample, numbers)
    for replica, files in groupby(chosen, key=lambda one: one.replica):
        result = _read_files(ports, replica, list(files), reader)
        read += result.confirmed + result.damaged
        damaged += result.damaged
        yield result
    ports.journal.append([_sample_event(sample, read, damaged)])


def chosen_files(audits: Audits, sample: Sample, numbers: Iterable[int]) -> Iterator[SampledFile]:
    """Yield the file of each number, once, a replica after the other.

    The running total is of all files of a store, so a collection's replicas are gone through and added up,
    in the order in which they were registered: no file of another one changes what is drawn.
    """
    if sample.collection is None:
        yield from audits.sampled(sample.store, set(numbers))
        return
    remaining = iter(sorted(set(numbers)))
    number = next(remaining, None)
    before = 0
    for replica in audits.replicas(sample.store, sample.collection):
        while number is not None and number < before + replica.files:
            yield SampledFile(replica, number - before)
            number = next(remaining, None)
        before += replica.files
        if number is None:
            return


def _read_files(
    ports: AuditPorts, replica: AuditedReplica, files: list[SampledFile], reader: ReplicaReader
) -> AuditResult:
    recorded = recorded_digests(ports.catalogue, ports.journal, replica.package)
    try:
        part = reader.read_some(replica.package, recorded.digests, [one.index for one in files])
    except (IntegrityError, NotFoundError) as error:
        nothing = AuditResult(replica, 0, 0, 0, (), 0, recorded.doubts)
        return unjudged(ports, nothing, reader, recorded, str(error))
    part = record_part(ports.audits, part, reader, ports.agent)
    damaged = len(part.damages) + part.unnamed
    return AuditResult(
        replica, part.confirmed, part.bytes, damaged, part.damages, part.again, recorded.doubts
    )


def neighbours(ports: AuditPorts, damaged: AuditResult) -> list[PackageId]:
    """Return the version of a damaged replica, and those that came into its store just before and after it.

    What lies on the same part of a disk, or was written on the same day, often shares its fate.
    """
    packages = [one.package for one in ports.audits.beside(damaged.replica, NEIGHBOURS)]
    return list(dict.fromkeys([damaged.replica.package, *packages]))


def _sample_event(sample: Sample, read: int, damaged: int) -> Event:
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.FIXITY_CHECK, sample.store),
        EventType.FIXITY_CHECK,
        now(),
        f"store {sample.store}",
        EventOutcome.FAIL if damaged else EventOutcome.SUCCESS,
        f"{count(sample.drawn, 'file')} drawn from {sample.drawn_from} with the seed {sample.seed}",
        f"{count(read, 'different file')} read, {damaged:,} not as kept",
        SOFTWARE,
    )
