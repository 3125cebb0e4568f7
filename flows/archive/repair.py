"""Repairs damaged replicas: what a person approved, or all where the settings let it, below a ceiling."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import disaster_alarm, integrity_alarm, lost_alarm
from flows.archive.journal_seal import seal
from flows.archive.repair_quarantine import RepairQuarantine
from flows.archive.repair_results import RepairRecord, RepairResult, RepairState
from flows.archive.repair_sentences import result_of
from flows.archive.replica_claim import claimed_replica, in_use
from flows.installation.disk_faults import translated_faults
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now, open_installation
from preservation.errors import (
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    PreservationError,
    UnavailableError,
)
from preservation.files.lock import locked
from preservation.model.amounts import count
from preservation.model.damage import DamageKind
from preservation.model.identifiers import ObjectId, PackageId, StoreName
from storage.ports.audits import RecordedDamage
from storage.repair import ReplicaRepair
from storage.tag_digests import recorded_digests


def repair_damage(
    settings: Settings, object_id: ObjectId | None = None, *, dry_run: bool = False
) -> Iterator[RepairResult]:
    """Repair open damage, of one object or of all, and yield what became of each file.

    All of it is a run of the job. What is repaired ends as it is recorded in the journal, which is sealed at
    the end. With ``dry_run`` the replicas are read, and nothing is written.

    Raises:
        UnavailableError: Another run repairs.
        StorageError: The database does not answer.
        ConfigurationError: A setting is wrong.
    """
    with (
        _turn(settings, object_id, dry_run=dry_run) as run_failed,
        open_installation(settings) as installation,
    ):
        run = _Run(installation, dry_run=dry_run, is_disaster=_is_disaster(installation))
        if run.is_disaster and not dry_run:
            raise_alarm(settings, disaster_alarm(settings.repair.most_objects, now()))
        failed: list[str] = []
        record = RepairRecord(installation)
        try:
            for result in run.results(object_id, record):
                if result.state is RepairState.NOT_HEALED:
                    failed.append(result.sentence)
                yield result
        finally:
            # Also where the reader of the results goes away: what was done is recorded.
            record.close_replica()
        if not record.is_sealed:
            failed += seal(installation).absences
        if failed:
            run_failed(failed[0] if len(failed) == 1 else f"{failed[0]} And {len(failed) - 1} more.")


@contextmanager
def _turn(
    settings: Settings, object_id: ObjectId | None, *, dry_run: bool
) -> Iterator[Callable[[str], object]]:
    """Hold the lock of repair while the context lasts, and record the run; neither for a dry run.

    Gives what is to be called where the run failed.
    """
    with ExitStack() as opened:
        if dry_run:
            yield _unheard
            return
        run_failed: Callable[[str], object] = _unheard
        if object_id is None:
            run_failed = opened.enter_context(recorded_run(Job.REPAIR_DAMAGE, settings))
        if not opened.enter_context(locked(settings.state / "repair.lock", wait=False)):
            raise UnavailableError("another run repairs; it is done when that one has ended")
        yield run_failed


def _unheard(_: str) -> None:
    """Take a sentence on a failure that no record of the job is about."""


def _is_disaster(installation: Installation) -> bool:
    """Return whether more objects are damaged than are repaired without a person."""
    most = installation.settings.repair.most_objects
    objects: set[ObjectId] = set()
    for one in installation.audits.damages():
        objects.add(one.damage.package.object)
        if len(objects) > most:
            return True
    return False


def _replicas(installation: Installation, object_id: ObjectId | None) -> Iterator[Sequence[RecordedDamage]]:
    """Yield the open damage of each replica, in the order in which its first one was found."""
    done: set[tuple[PackageId, StoreName]] = set()
    for one in installation.audits.damages():
        replica = (one.damage.package, one.damage.store)
        if replica in done or object_id not in {None, one.damage.package.object}:
            continue
        done.add(replica)
        of_version = installation.audits.damages(package=one.damage.package)
        yield [found for found in of_version if found.damage.store == one.damage.store]


@dataclass(frozen=True, slots=True)
class _Run:
    installation: Installation
    dry_run: bool
    is_disaster: bool

    def results(self, object_id: ObjectId | None, record: RepairRecord) -> Iterator[RepairResult]:
        """Repair all open damage, or that of one object, and record what became of it."""
        for replica in _replicas(self.installation, object_id):
            chosen = []
            for one in replica:
                if reason := self._waits_for(one):
                    yield RepairResult(one, RepairState.WAITING, f"{one.damage.sentence}; {reason}")
                else:
                    chosen.append(one)
            if chosen and self.dry_run:
                yield from self._repaired(chosen, record)
            elif chosen:
                yield from self._recorded(chosen, record)

    def _recorded(self, chosen: Sequence[RecordedDamage], record: RepairRecord) -> Iterator[RepairResult]:
        """Repair one replica while nobody else reads or writes it, and record what became of it."""
        package, store = chosen[0].damage.package, chosen[0].damage.store
        audits = self.installation.audits
        with ExitStack() as held:
            try:
                claimed = held.enter_context(claimed_replica(audits, package, store))
            except NotFoundError as error:
                results = _unchanged(chosen, str(error))
            else:
                if claimed is None:
                    results = _unchanged(chosen, in_use(package, store))
                else:
                    # What another run has healed since is not open any more.
                    still_open = {one.number for one in audits.damages(package=package)}
                    left = [one for one in chosen if one.number in still_open]
                    results = self._repaired(left, record) if left else iter(())
            for result in results:
                record.add(result)
                yield result
            record.close_replica()

    def _repaired(self, found: Sequence[RecordedDamage], record: RepairRecord) -> Iterator[RepairResult]:
        """Repair one replica, and yield what became of each of its damages."""
        chosen = {one.damage.path: one for one in found}
        settings = self.installation.settings
        package, store = found[0].damage.package, found[0].damage.store
        begin = partial(record.begin, package, store)
        quarantine = RepairQuarantine(settings.repair_quarantine, package, store, taking=begin)
        seen: dict[StoreName, list[str]] = {}
        damages = [one.damage for one in chosen.values()]
        lost: list[str] = []
        try:
            with translated_faults(settings), scratch_folder(settings.processing, ".repairing") as scratch:
                repair = _repair(self.installation, package, store, quarantine, scratch, seen)
                for outcome in repair.run(damages, dry_run=self.dry_run):
                    result = result_of(chosen[outcome.damage.path], outcome, quarantine)
                    del chosen[outcome.damage.path]
                    if result.state is RepairState.NO_GOOD_REPLICA:
                        lost.append(result.sentence)
                    yield result
        except PreservationError as error:
            yield from _unchanged(chosen.values(), str(error))
        if not self.dry_run:
            self._raise_alarms(package, seen, lost)

    def _raise_alarms(
        self, package: PackageId, seen: Mapping[StoreName, Sequence[str]], lost: Sequence[str]
    ) -> None:
        settings = self.installation.settings
        for name, sentences in seen.items():
            raise_alarm(settings, integrity_alarm(f"store {name}", _all_of(sentences), now()))
        if lost:
            raise_alarm(settings, lost_alarm(str(package), _all_of(lost), now()))

    def _waits_for(self, one: RecordedDamage) -> str:
        """Return why a person is asked before it is repaired, or an empty text."""
        rule = self.installation.settings.repair
        if one.approval is not None:
            return ""
        approve = f'muniment repair approve {one.number} --because "…" --by "…"'
        if one.damage.kind is DamageKind.UNEXPECTED:
            return f"a person has to approve that it is taken away: {approve}"
        if self.is_disaster:
            objects = count(rule.most_objects, "object")
            return f"more than {objects} are damaged, so a person has to approve its repair: {approve}"
        if rule.mode == "ask":
            return f"a person has to approve its repair: {approve}"
        return ""


def _unchanged(found: Iterable[RecordedDamage], reason: str) -> Iterator[RepairResult]:
    return (RepairResult(one, RepairState.NOT_HEALED, reason) for one in found)


def _repair(
    installation: Installation,
    package: PackageId,
    store: StoreName,
    quarantine: RepairQuarantine,
    scratch: Path,
    seen: dict[StoreName, list[str]],
) -> ReplicaRepair:
    """Return the repair of one replica; it collects in ``seen`` what is damaged in other stores.

    Raises ``ConfigurationError`` where the store is no longer configured, ``IntegrityError`` where catalogue
    and journal do not agree on the version, ``StorageError``.
    """
    stores = {one.name: one for one in installation.stores}
    if store not in stores:
        raise ConfigurationError(
            f"store {store}: it has damaged files of {package}, and stands in muniment.toml no more; add its "
            "[[store]] again, or let a person close the damage"
        )
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    if recorded.doubts:
        raise IntegrityError(". ".join(recorded.doubts))
    having = {replica.store for replica in installation.catalogue.package(package).replicas}
    return ReplicaRepair(
        package,
        stores[store],
        installation.replacers[store],
        [one for name, one in stores.items() if name in having - {store}],
        partial(installation.catalogue.files, package),
        recorded.digests,
        quarantine,
        scratch,
        installation.settings.work.threads,
        now,
        lambda name, sentence: seen.setdefault(name, []).append(sentence),
    )


def _all_of(sentences: Sequence[str]) -> str:
    more = f". And {len(sentences) - 1:,} more of its files" if len(sentences) > 1 else ""
    return f"{sentences[0]}{more}"
