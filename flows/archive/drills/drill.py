"""Drills: versions are chosen, and each is restored from every store that has it, one store at a time.

Nothing that is kept is changed. What is found damaged is recorded and raises an alarm.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.drills.certificate import certificate_page
from flows.archive.drills.choice import DrillsBefore, PlannedDrill, choose
from flows.archive.drills.estimates import store_estimates
from flows.archive.drills.record import (
    DrillChoice,
    DrilledReplica,
    DrillReason,
    DrillRecord,
    DrillVerdict,
    drill_records,
    keep_record,
)
from flows.archive.drills.replica import KeptVersion, ReplicaDrill, drill_replica
from flows.installation.disk_faults import translated_faults
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE, SOFTWARE_VERSION, Installation, now, open_installation
from preservation.errors import ConfigurationError, NotFoundError, UnavailableError
from preservation.files.lock import locked
from preservation.model.amounts import OnProgress, count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId
from storage.audits.damage_records import record_open
from storage.audits.events import damage_event
from storage.ports.stores import Store, unwatched
from storage.tag_digests import recorded_digests

DRILL_MARK = "restored as a drill"
"""What the detail of the journal's event of a drill begins with."""


@dataclass(frozen=True, slots=True)
class DrillRequest:
    """What to drill: so many versions, or the latest of ``object_id``; from ``store`` alone, or from each."""

    number: int = 3
    store: StoreName | None = None
    object_id: ObjectId | None = None
    seed: int | None = None


def _silent(_package: PackageId, _store: StoreName, _work: str) -> OnProgress:
    return unwatched


def drill_installation(
    settings: Settings,
    request: DrillRequest,
    *,
    progress: Callable[[PackageId, StoreName, str], OnProgress] = _silent,
) -> Iterator[DrillRecord]:
    """Drill, as a run of the job, and yield each record once it is kept with its certificate.

    A drill of one object or from one store is no run of the job.

    Raises:
        UnavailableError: Another run drills.
        NotFoundError: Nothing is kept of ``request.object_id``, or no store that is asked has it.
        ConfigurationError: There is no such store.
        StorageError: The database does not answer, or a record cannot be written.
    """
    with ExitStack() as opened:
        run_failed: Callable[[str], object] = LOG.debug
        if request.object_id is None and request.store is None:
            # What a user names replaces no run that draws from everything.
            run_failed = opened.enter_context(recorded_run(Job.DRILL, settings))
        if not opened.enter_context(locked(settings.state / "drill.lock", wait=False)):
            raise UnavailableError("another run drills; it is done when that one has ended")
        installation = opened.enter_context(open_installation(settings))
        faults = []
        for planned in _planned(installation, request):
            record = _drilled(planned, request.store, installation, progress)
            faults += [
                f"{record.package} from store {one.store}: {one.sentence}"
                for one in record.replicas
                if not one.verdict.is_whole
            ]
            yield record
        if faults:
            more = f" And {len(faults) - 1} more." if len(faults) > 1 else ""
            run_failed(f"{faults[0]}{more}")


def plan_drills(
    settings: Settings, request: DrillRequest
) -> list[tuple[PlannedDrill, tuple[StoreName, ...]]]:
    """Return what would be drilled, and from which stores. Raises as ``drill_installation``."""
    with open_installation(settings) as installation:
        return [
            (one, tuple(store.name for store in _stores_of(one.package, request.store, installation)))
            for one in _planned(installation, request)
        ]


def _planned(installation: Installation, request: DrillRequest) -> list[PlannedDrill]:
    names = installation.settings.store_names
    if request.store is not None and request.store not in names:
        raise ConfigurationError(
            f"there is no store {request.store!r}; configured in muniment.toml: {', '.join(names)}"
        )
    if request.object_id is not None:
        latest = installation.catalogue.latest(request.object_id)
        if latest is None:
            raise NotFoundError(f"{request.object_id}: the catalogue does not know it; check the name")
        if not _stores_of(latest.package, request.store, installation):
            raise NotFoundError(f"{latest.package}: store {request.store} has no replica of it")
        return [PlannedDrill(latest.package, DrillChoice(DrillReason.NAMED))]
    seed = secrets.randbelow(1 << 32) if request.seed is None else request.seed
    return choose(
        request.number,
        names if request.store is None else (request.store,),
        installation.audits,
        installation.holdings,
        DrillsBefore.of(drill_records(installation.settings)),
        seed=seed,
        at=now(),
    )


def _stores_of(package: PackageId, only: StoreName | None, installation: Installation) -> list[Store]:
    having = {replica.store for replica in installation.catalogue.package(package).replicas}
    return [store for store in installation.stores if store.name in having and only in {None, store.name}]


def _drilled(
    planned: PlannedDrill,
    only: StoreName | None,
    installation: Installation,
    progress: Callable[[PackageId, StoreName, str], OnProgress],
) -> DrillRecord:
    package, identifier, began = planned.package, uuid4().hex[:8], now()
    catalogue = installation.catalogue
    recorded = recorded_digests(catalogue, installation.journal, package)
    size = catalogue.package(package).bytes
    kept = KeptVersion(package, size, partial(catalogue.files, package), recorded)
    shown = []
    for store in _stores_of(package, only, installation):
        found = drill_replica(kept, store, installation, partial(progress, package, store.name))
        shown.append(found.replica)
        _record(package, identifier, found, installation)
    record = DrillRecord(
        identifier,
        str(package),
        began,
        now(),
        f"Muniment {SOFTWARE_VERSION}",
        planned.choice,
        tuple(shown),
        store_estimates(_drilled_so_far(shown, installation.settings), installation.holdings),
    )
    with translated_faults(installation.settings):
        keep_record(record, certificate_page(record), installation.settings)
    return record


def _drilled_so_far(shown: Iterable[DrilledReplica], settings: Settings) -> Iterator[DrilledReplica]:
    """Yield what is to be estimated by: all drills, of the stores that this one restored from."""
    stores = {one.store for one in shown}
    yield from shown
    for record in drill_records(settings):
        yield from (one for one in record.replicas if one.store in stores)


def _record(package: PackageId, identifier: str, found: ReplicaDrill, installation: Installation) -> None:
    """Write the event of a drill to the journal, with the damage that it showed; damage is an alarm too."""
    event = _event(package, identifier, found.replica)
    if found.damages:
        record_open(
            installation.audits,
            found.damages,
            lambda damages: [*(damage_event(one, SOFTWARE) for one in damages), event],
        )
    else:
        installation.journal.append([event])
    if found.replica.verdict is DrillVerdict.DAMAGED:
        raise_alarm(
            installation.settings, integrity_alarm(str(package), found.replica.sentence.rstrip("."), now())
        )


_OUTCOMES = {
    DrillVerdict.RESTORED: EventOutcome.SUCCESS,
    DrillVerdict.NOT_RENDERED: EventOutcome.WARNING,
    DrillVerdict.NOT_RESTORED: EventOutcome.WARNING,
    DrillVerdict.DAMAGED: EventOutcome.FAIL,
}


def _event(package: PackageId, identifier: str, found: DrilledReplica) -> Event:
    seconds = f"; {count(found.files, 'file')} in {found.seconds:.1f} s" if found.files else ""
    return Event(
        event_id(SubmissionId(identifier), EventType.FIXITY_CHECK, found.store),
        EventType.FIXITY_CHECK,
        now(),
        str(package),
        _OUTCOMES[found.verdict],
        f"{DRILL_MARK} from store {found.store} alone into a scratch folder, drill {identifier}",
        f"{found.verdict.value}: {found.sentence}{seconds}",
        SOFTWARE,
    )
