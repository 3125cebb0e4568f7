"""What an installation can show of itself, gathered once for all cells of the NDSA levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.archive.drills.record import drill_records
from flows.archive.reports.intervals import ReadingIntervals
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.store_settings import StoreSettings
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError
from preservation.model.events import EventType
from preservation.model.identifiers import CollectionName
from preservation.policy.intake import VirusScan
from preservation.policy.schema import Policy
from storage.ports.audits import DamageState


@dataclass(frozen=True, slots=True)
class ShownFacts:
    """What catalogue, journal, settings and policies show ``at`` a moment.

    ``versions`` are all, ``by_copies`` how many of them have so many replicas, ``by_sites`` on so many sites;
    ``replicas`` of which ``overdue`` were not read for ``days``, ``None``: for as long as their policies say.
    ``acts`` counts events since a year. The policies are those of the collections in the settings;
    ``unread_policies`` could not be read.
    """

    at: datetime
    days: int | None
    stores: tuple[StoreSettings, ...]
    versions: int
    by_copies: Mapping[int, int]
    by_sites: Mapping[int, int]
    replicas: int
    overdue: int
    open_damage: int
    healed: int
    files: int
    identified: int
    entries: int
    acts: Mapping[EventType, int]
    drills: int
    sealed: datetime | None
    verified: datetime | None
    witnesses: int
    policies: tuple[Policy, ...]
    unread_policies: int

    def with_fewer_copies(self, than: int) -> int:
        """Return how many versions have fewer replicas."""
        return sum(number for copies, number in self.by_copies.items() if copies < than)

    def with_fewer_sites(self, than: int) -> int:
        """Return how many versions are on fewer sites."""
        return sum(number for sites, number in self.by_sites.items() if sites < than)

    @property
    def scanning(self) -> int:
        """How many policies ask for a virus scan."""
        return sum(one.terms.intake.virus_scan is not VirusScan.OFF for one in self.policies)


_ACTS = (
    EventType.VIRUS_CHECK,
    EventType.NORMALIZATION,
    EventType.DELETION,
    EventType.DISSEMINATION,
)


def gather_facts(installation: Installation, days: int | None, at: datetime) -> ShownFacts:
    """Return what can be shown ``at`` this moment. Raises ``StorageError``, ``IntegrityError``."""
    settings = installation.settings
    sites = {name: store.site for name, store in zip(settings.store_names, settings.store, strict=True)}
    by_copies: dict[int, int] = {}
    by_sites: dict[int, int] = {}
    for stores, number in installation.holdings.versions_by_stores(settings.store_names).items():
        places = len({sites[store] for store in stores})
        by_copies[len(stores)] = by_copies.get(len(stores), 0) + number
        by_sites[places] = by_sites.get(places, 0) + number
    intervals = ReadingIntervals(installation, days)
    readings = list(installation.holdings.reading_days())
    formats = installation.holdings.formats()
    acts = dict.fromkeys(_ACTS, 0)
    for entry in installation.journal.of_types(_ACTS, at - timedelta(days=365)):
        acts[EventType(entry.event_type)] += 1
    healed = still_open = 0
    for one in installation.audits.damages(None):
        healed += one.state is DamageState.HEALED
        still_open += one.state is DamageState.OPEN
    policies, unread = _policies(installation)
    return ShownFacts(
        at=at,
        days=days,
        stores=settings.store,
        versions=sum(by_copies.values()),
        by_copies=by_copies,
        by_sites=by_sites,
        replicas=sum(day.replicas for day in readings),
        overdue=sum(day.replicas for day in readings if intervals.is_overdue(day, at.date())),
        open_damage=still_open,
        healed=healed,
        files=sum(one.files for one in formats),
        identified=sum(one.files for one in formats if one.puid is not None),
        entries=installation.journal.head().seq,
        acts=acts,
        drills=sum(1 for _ in drill_records(settings)),
        sealed=_succeeded(Job.SEAL_JOURNAL, installation),
        verified=_succeeded(Job.VERIFY_JOURNAL, installation),
        witnesses=len(settings.witness.files) + len(settings.witness.authority),
        policies=policies,
        unread_policies=unread,
    )


def _succeeded(job: Job, installation: Installation) -> datetime | None:
    try:
        return record_of(job, installation.settings).ended
    except OSError:
        return None


def _policies(installation: Installation) -> tuple[tuple[Policy, ...], int]:
    found: dict[object, Policy] = {}
    unread = 0
    for collection in installation.settings.collection:
        try:
            policy = installation.policy_of(CollectionName(collection.name))
        except ConfigurationError:
            unread += 1
        else:
            found[policy.reference.digest] = policy
    return tuple(found.values()), unread
