"""How vendors deliver what was ordered: what was accepted at once, what came back and why, how fast."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from statistics import median
from typing import Final

import msgspec

from flows.archive.receipts import ReceiptFault, faults_of
from flows.installation.wiring import Installation
from preservation.model.identifiers import CollectionName
from preservation.model.verdicts import Verdict
from storage.ports.orders import ACCEPTED, DeliveredDrop, OrderedDeliveries

_MOST_PICTURES: Final = 3
_DECIDED: Final = ACCEPTED | {Verdict.REJECTED}
_SECONDS_A_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class ScorecardRequest:
    """Of which deliveries a scorecard is: those that were answered from ``since`` on."""

    since: date
    collection: CollectionName | None = None
    vendor: str | None = None


class VendorMonth(msgspec.Struct):
    """The deliveries that were accepted or sent back in a month, and of these the first ones of objects.

    ``month`` is ``2026-05``, empty where all months are added up.
    """

    month: str
    deliveries: int = 0
    sent_back: int = 0
    objects: int = 0
    accepted_at_once: int = 0

    @property
    def share_at_once(self) -> int | None:
        """Percent of the objects whose first delivery was accepted; ``None`` where none was delivered."""
        return None if not self.objects else round(100 * self.accepted_at_once / self.objects)

    def count(self, *, sent_back: bool, is_first: bool) -> None:
        """Count one more delivery."""
        self.deliveries += 1
        self.sent_back += sent_back
        self.objects += is_first
        self.accepted_at_once += is_first and not sent_back


class VendorFault(msgspec.Struct):
    """A fault for which ``deliveries`` were sent back, in so many files, and the first pictures of it."""

    code: str
    title: str
    deliveries: int = 0
    files: int = 0
    pictures: list[str] = []


class VendorScore(msgspec.Struct):
    """How a vendor delivered; the name is empty where orders name none.

    ``open`` are objects whose last delivery was sent back, ``late`` those that were accepted after their
    day, or whose day is over. Medians: ``rescan_days`` from an answer to the next delivery of the object,
    ``answer_days`` from a delivery to its answer, which is what the archive takes.
    ``unread`` receipts could not be read, so that the faults of these deliveries are not counted.
    """

    vendor: str
    whole: VendorMonth
    months: list[VendorMonth]
    ordered: int
    open: int
    late: int
    rescan_days: float | None
    answer_days: float | None
    faults: list[VendorFault]
    unread: int


class Scorecard(msgspec.Struct):
    """The scores of all vendors by name, of deliveries answered from ``since`` to ``at``."""

    since: date
    at: datetime
    vendors: list[VendorScore]


def make_scorecard(installation: Installation, request: ScorecardRequest, at: datetime) -> Scorecard:
    """Return how vendors delivered, from the orders that hold and the receipts of what was sent back.

    One receipt is read for each delivery that was sent back. Raises ``StorageError``.
    """
    deliveries = installation.orders.deliveries(request.collection, vendor=request.vendor)
    return scorecard_of(deliveries, request.since, at)


def scorecard_of(ordered: Iterable[OrderedDeliveries], since: date, at: datetime) -> Scorecard:
    """Return how vendors delivered what was ordered of them, of deliveries answered from ``since`` on."""
    begin = datetime.combine(since, time(), UTC)
    counters: dict[str, _VendorCounter] = {}
    for one in ordered:
        vendor = one.placed.order.vendor
        counters.setdefault(vendor, _VendorCounter(vendor)).count(one, begin, at.date())
    return Scorecard(since, at, [counters[vendor].score() for vendor in sorted(counters)])


@dataclass(slots=True)
class _VendorCounter:
    vendor: str
    whole: VendorMonth = field(default_factory=lambda: VendorMonth(""))
    months: dict[str, VendorMonth] = field(default_factory=dict)
    faults: dict[str, VendorFault] = field(default_factory=dict)
    rescans: "array[float]" = field(default_factory=lambda: array("d"))
    answers: "array[float]" = field(default_factory=lambda: array("d"))
    ordered: int = 0
    open: int = 0
    late: int = 0
    unread: int = 0

    def count(self, ordered: OrderedDeliveries, since: datetime, today: date) -> None:
        """Count one object that is ordered, and what was delivered of it."""
        self.ordered += 1
        decided = [one for one in ordered.deliveries if one.verdict in _DECIDED]
        self.late += _is_late(ordered, today)
        self.open += bool(decided) and all(one.verdict not in ACCEPTED for one in decided)
        for index, one in enumerate(decided):
            if one.concluded_at >= since:
                self._count_delivery(one, is_first=index == 0)
                self.rescans.extend(_rescan_days(one, ordered.deliveries))

    def _count_delivery(self, one: DeliveredDrop, *, is_first: bool) -> None:
        sent_back = one.verdict is Verdict.REJECTED
        month = f"{one.concluded_at:%Y-%m}"
        for counted in (self.whole, self.months.setdefault(month, VendorMonth(month))):
            counted.count(sent_back=sent_back, is_first=is_first)
        self.answers.append(_days(one.received_at, one.concluded_at))
        if not sent_back:
            return
        faults = None if one.receipt is None else faults_of(one.receipt)
        if faults is None:
            self.unread += 1
        for fault in faults or ():
            self._count_fault(fault)

    def _count_fault(self, fault: ReceiptFault) -> None:
        counted = self.faults.setdefault(fault.code, VendorFault(fault.code, fault.title))
        counted.deliveries += 1
        counted.files += fault.files
        if fault.picture and len(counted.pictures) < _MOST_PICTURES:
            counted.pictures.append(fault.picture)

    def score(self) -> VendorScore:
        """Return what was counted, the commonest fault first."""
        return VendorScore(
            self.vendor,
            self.whole,
            [self.months[month] for month in sorted(self.months)],
            self.ordered,
            self.open,
            self.late,
            median(self.rescans) if self.rescans else None,
            median(self.answers) if self.answers else None,
            sorted(self.faults.values(), key=lambda one: (-one.deliveries, -one.files, one.code)),
            self.unread,
        )


def _is_late(ordered: OrderedDeliveries, today: date) -> bool:
    due = ordered.placed.order.due
    if due is None:
        return False
    accepted = (one.concluded_at.date() for one in ordered.deliveries if one.verdict in ACCEPTED)
    return min(accepted, default=today) > due


def _rescan_days(sent_back: DeliveredDrop, deliveries: tuple[DeliveredDrop, ...]) -> Iterator[float]:
    """Yield the days until the next delivery after one that was sent back, where there is a next one."""
    if sent_back.verdict is not Verdict.REJECTED:
        return
    later = [one.received_at for one in deliveries if one.received_at >= sent_back.concluded_at]
    if later:
        yield _days(sent_back.concluded_at, min(later))


def _days(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / _SECONDS_A_DAY
