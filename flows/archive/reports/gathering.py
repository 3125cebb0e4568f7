"""Gathers the numbers of a report. The database adds up; what streams by here is damage, drills and acts."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from flows.archive.drills.record import drill_records
from flows.archive.presence import lacking_in
from flows.archive.reports.contents import (
    DueDay,
    HoldingsReport,
    ReportedActs,
    ReportedCheck,
    ReportedCollection,
    ReportedDamage,
    ReportedFormat,
    ReportedHoldings,
    ReportedMonth,
    ReportedStore,
)
from flows.archive.reports.intervals import ReadingIntervals
from flows.installation.job_records import JobRecord, record_of
from flows.installation.jobs import Job
from flows.installation.wiring import SOFTWARE_VERSION, Installation
from preservation.identification.pronom import format_names
from preservation.model.events import EventOutcome, EventType
from preservation.model.identifiers import CollectionName, StoreName
from storage.ports.audits import DamageState
from storage.ports.holdings import MonthOfGrowth, ReadingDay

FORECAST_DAYS: Final = 90
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report: of one collection or all, acts ``since`` a date.

    Replicas are overdue after ``days``, or by their policies.
    """

    collection: CollectionName | None = None
    since: date | None = None
    days: int | None = None


def gather_report(installation: Installation, request: ReportRequest, at: datetime) -> HoldingsReport:
    """Return the report as things are ``at`` this moment. Raises ``StorageError``, ``IntegrityError``."""
    since = request.since or (at - timedelta(days=365)).date()
    only = request.collection
    counts = installation.catalogue.counts(only)
    growth = list(installation.holdings.growth(only))
    readings = list(installation.holdings.reading_days(only))
    names = format_names()
    intervals = ReadingIntervals(installation, request.days)
    return HoldingsReport(
        at=at,
        since=since,
        days=request.days,
        software=f"Muniment {SOFTWARE_VERSION}",
        collection=only,
        kept=ReportedHoldings(counts.objects, counts.packages, counts.files, counts.bytes),
        months=_months(growth),
        collections=_collections(growth, readings, intervals, at.date()),
        formats=tuple(
            ReportedFormat(one.puid, names.get(one.puid or "", ""), one.files, one.bytes)
            for one in installation.holdings.formats(only)
        ),
        stores=_stores(installation, readings, intervals, at.date(), since, only),
        damage=_damage(installation, since, only),
        restores=_acts(installation, EventType.DISSEMINATION, since, only),
        drills=_drills(installation, since, only),
        deletions=_acts(installation, EventType.DELETION, since, only),
        journal=_journal(installation),
        due=due_days(readings, intervals.days_of, at.date()),
    )


def _months(growth: Iterable[MonthOfGrowth]) -> tuple[ReportedMonth, ...]:
    sums: defaultdict[date, list[int]] = defaultdict(lambda: [0] * 4)
    for one in growth:
        for index, more in enumerate((one.objects, one.versions, one.files, one.bytes)):
            sums[one.first_day][index] += more
    kept = 0
    months = []
    for month, (objects, versions, files, size) in sorted(sums.items()):
        kept += size
        months.append(ReportedMonth(month, objects, versions, files, size, kept))
    return tuple(months)


def _collections(
    growth: Iterable[MonthOfGrowth],
    readings: Iterable[ReadingDay],
    intervals: ReadingIntervals,
    today: date,
) -> tuple[ReportedCollection, ...]:
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 7)
    for month in growth:
        for index, more in enumerate((month.objects, month.versions, month.files, month.bytes)):
            sums[month.collection][index] += more
    for day in readings:
        overdue = intervals.is_overdue(day, today)
        for index, more in enumerate((day.replicas, day.replicas * overdue, day.bytes * overdue)):
            sums[day.collection][4 + index] += more
    return tuple(ReportedCollection(name, *of) for name, of in sorted(sums.items()))


def _stores(
    installation: Installation,
    readings: Iterable[ReadingDay],
    intervals: ReadingIntervals,
    today: date,
    since: date,
    only: CollectionName | None,
) -> tuple[ReportedStore, ...]:
    settings = installation.settings
    days: defaultdict[str, list[ReadingDay]] = defaultdict(list)
    for one in readings:
        days[one.store].append(one)
    configured = {one.name: one for one in settings.store}
    stores = []
    for name in (*configured, *sorted(days.keys() - configured.keys())):
        store, of = configured.get(name), days[name]
        late = [day for day in of if intervals.is_overdue(day, today)]
        replicas = sum(day.replicas for day in of)
        overdue = sum(day.replicas for day in late)
        stores.append(
            ReportedStore(
                name,
                store.site if store else "",
                store.provider if store else "",
                store.media if store else "",
                store is not None,
                replicas,
                sum(day.files for day in of),
                sum(day.bytes for day in of),
                _lacking(installation, StoreName(name), only) if store else 0,
                replicas - overdue,
                _read_again(installation, of, since),
                overdue,
                sum(day.bytes for day in late),
                min((day.day for day in of), default=None),
            )
        )
    return tuple(stores)


def _read_again(installation: Installation, days: Iterable[ReadingDay], since: date) -> int:
    """Return how many replicas of a store were read again since, and not only written."""
    pairs = dict.fromkeys((day.store, day.collection) for day in days)
    read = (installation.audits.read_since(store, name, _midnight(since)) for store, name in pairs)
    return sum(one.replicas for one in read)


def _lacking(installation: Installation, store: StoreName, only: CollectionName | None) -> int:
    if only is None:
        return lacking_in(installation, store)
    if store not in installation.store_names_for(only):
        return 0
    return installation.catalogue.lacked_by(store).get(only, 0)


def _damage(installation: Installation, since: date, only: CollectionName | None) -> ReportedDamage:
    start = _midnight(since)
    found = healed = closed = still = 0
    named: list[str] = []
    for one in installation.audits.damages(None):
        if only not in {None, one.damage.package.object.collection}:
            continue
        found += one.found_at >= start
        ended = one.ended_at is not None and one.ended_at >= start
        healed += ended and one.state is DamageState.HEALED
        closed += ended and one.state is DamageState.CLOSED
        if one.state is DamageState.OPEN:
            still += 1
            if len(named) < _NAMED:
                named.append(f"{one.number}: {one.damage.sentence}")
    return ReportedDamage(found, healed, closed, still, tuple(named))


def _acts(
    installation: Installation, kind: EventType, since: date, only: CollectionName | None
) -> ReportedActs:
    acts = failed = 0
    last = None
    for entry in installation.journal.of_types({kind}, _midnight(since)):
        if only is None or entry.object.startswith(f"{only}/"):
            acts += 1
            failed += entry.outcome == EventOutcome.FAIL
            last = entry.at
    return ReportedActs(acts, failed, last)


def _drills(installation: Installation, since: date, only: CollectionName | None) -> ReportedActs:
    acts = failed = 0
    last = None
    for record in drill_records(installation.settings):
        if record.ended >= _midnight(since) and (only is None or record.package.startswith(f"{only}/")):
            acts += 1
            failed += not all(one.verdict.is_whole for one in record.replicas)
            last = record.ended
    return ReportedActs(acts, failed, last)


def _journal(installation: Installation) -> ReportedCheck:
    try:
        record = record_of(Job.VERIFY_JOURNAL, installation.settings)
    except OSError as error:
        record = JobRecord(fault=f"the record of it cannot be read ({error.strerror or error})")
    return ReportedCheck(record.began, record.ended, record.fault)


def due_days(
    readings: Iterable[ReadingDay], days_of: Callable[[ReadingDay], int], today: date
) -> tuple[DueDay, ...]:
    """Return what the audits of the next days read at the pace of the policies, of what is kept now.

    Each day it is what is overdue, or the day's share of all that a store has of a collection, whichever is
    more, the longest unread first. Budgets, hours and days of the week are not taken into account.
    """
    groups: defaultdict[tuple[StoreName, CollectionName], list[ReadingDay]] = defaultdict(list)
    for one in readings:
        groups[one.store, one.collection].append(one)
    read = [_forecast(group, days_of(group[0]), today) for group in groups.values()]
    return tuple(
        DueDay(
            today + timedelta(days=turn),
            round(sum(of_group[turn].replicas for of_group in read)),
            round(sum(of_group[turn].bytes for of_group in read)),
        )
        for turn in range(FORECAST_DAYS)
    )


class _Read(NamedTuple):
    """What is read, or was read, on one ``day``, counted from today; parts of replicas count as such."""

    day: int
    replicas: float
    bytes: float


def _forecast(group: Sequence[ReadingDay], days: int, today: date) -> list[_Read]:
    """Return what is read of one collection in one store on each of the next days."""
    unread = deque(sorted(_Read((one.day - today).days, one.replicas, one.bytes) for one in group))
    share = sum(one.bytes for one in group) / days
    forecast = []
    for today_then in range(FORECAST_DAYS):
        left = max(share, sum(one.bytes for one in unread if today_then - one.day > days))
        replicas = size = 0.0
        while left > 0 and unread and unread[0].day < today_then:
            oldest = unread.popleft()
            part = min(1.0, left / oldest.bytes) if oldest.bytes else 1.0
            replicas += oldest.replicas * part
            size += oldest.bytes * part
            left -= oldest.bytes * part
            if part < 1:
                rest = 1 - part
                unread.appendleft(_Read(oldest.day, oldest.replicas * rest, oldest.bytes * rest))
                left = 0
        forecast.append(_Read(today_then, replicas, size))
        unread.append(forecast[-1])
    return forecast


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
