"""How far the delivery of what was ordered is: of each object, of each batch and vendor, and week by week."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from preservation.model.verdicts import Verdict
from storage.ports.orders import ACCEPTED, OrderedDeliveries

_MOST_WEEKS: Final = 26
_WEEK: Final = timedelta(days=7)


class OrderState(StrEnum):
    """What became of an order, by the last delivery of its object; what was accepted once stays so."""

    ACCEPTED = "accepted"
    WAITING = "waiting"
    SENT_BACK = "sent back"
    INTERRUPTED = "interrupted"
    MISSING = "not delivered"


_STATES = {
    Verdict.WAITING: OrderState.WAITING,
    Verdict.REJECTED: OrderState.SENT_BACK,
    Verdict.INTERRUPTED: OrderState.INTERRUPTED,
}


class OrderedObject(msgspec.Struct, frozen=True):
    """One object that is ordered. ``deliveries`` counts its drops, ``sent_back`` those that were rejected."""

    collection: str
    object: str
    batch: str
    vendor: str
    due: date | None
    pages: int | None
    files: int | None
    state: OrderState
    overdue: bool
    deliveries: int
    sent_back: int
    first_delivered: datetime | None
    accepted: datetime | None


class OrderGroup(msgspec.Struct):
    """How many objects of a batch of a vendor are ordered, delivered at all, and in which state.

    ``accepted_at_once`` are those of which no delivery was sent back before.
    """

    collection: str
    batch: str
    vendor: str
    ordered: int = 0
    delivered: int = 0
    accepted: int = 0
    accepted_at_once: int = 0
    waiting: int = 0
    sent_back: int = 0
    interrupted: int = 0
    missing: int = 0
    overdue: int = 0


class OrderWeek(msgspec.Struct, frozen=True):
    """What was due, was delivered first, and was accepted in the week that ``first_day``, a Monday, begins.

    ``accepted_so_far`` counts what was accepted up to its end.
    """

    first_day: date
    due: int
    delivered: int
    accepted: int
    accepted_so_far: int


def ordered_object(one: OrderedDeliveries, today: date) -> OrderedObject:
    """Return what became of an order up to ``today``."""
    order, deliveries = one.placed.order, one.deliveries
    accepted = min((came.concluded_at for came in deliveries if came.verdict in ACCEPTED), default=None)
    state = OrderState.MISSING
    if accepted is not None:
        state = OrderState.ACCEPTED
    elif deliveries:
        state = _STATES[deliveries[-1].verdict]
    return OrderedObject(
        order.object.collection,
        order.object.name,
        order.batch,
        order.vendor,
        order.due,
        order.pages,
        order.files,
        state,
        accepted is None and order.due is not None and order.due < today,
        len(deliveries),
        sum(came.verdict is Verdict.REJECTED for came in deliveries),
        min((came.received_at for came in deliveries), default=None),
        accepted,
    )


@dataclass(slots=True)
class OrderSummary:
    """Adds up ordered objects one by one; what it holds grows with batches and weeks, not with objects."""

    groups: dict[tuple[str, str, str], OrderGroup] = field(default_factory=dict)
    _due: Counter[date] = field(default_factory=Counter)
    _delivered: Counter[date] = field(default_factory=Counter)
    _accepted: Counter[date] = field(default_factory=Counter)

    def add(self, one: OrderedObject) -> None:
        """Count one more object."""
        key = (one.collection, one.batch, one.vendor)
        group = self.groups.setdefault(key, OrderGroup(*key))
        group.ordered += 1
        group.delivered += one.deliveries > 0
        group.accepted += one.state is OrderState.ACCEPTED
        group.accepted_at_once += one.state is OrderState.ACCEPTED and not one.sent_back
        group.waiting += one.state is OrderState.WAITING
        group.sent_back += one.state is OrderState.SENT_BACK
        group.interrupted += one.state is OrderState.INTERRUPTED
        group.missing += one.state is OrderState.MISSING
        group.overdue += one.overdue
        if one.due is not None:
            self._due[_monday(one.due)] += 1
        if one.first_delivered is not None:
            self._delivered[_monday(one.first_delivered.date())] += 1
        if one.accepted is not None:
            self._accepted[_monday(one.accepted.date())] += 1

    def in_order(self) -> list[OrderGroup]:
        """Return the groups by collection, batch and vendor."""
        return [self.groups[key] for key in sorted(self.groups)]

    @property
    def whole(self) -> OrderGroup:
        """All groups added up."""
        whole = OrderGroup("", "", "")
        for group in self.groups.values():
            for name in ("ordered", "delivered", "accepted", "accepted_at_once", *_COUNTED):
                setattr(whole, name, getattr(whole, name) + getattr(group, name))
        return whole

    def weeks(self, today: date) -> list[OrderWeek]:
        """Return the weeks from the first delivery to ``today``, the last ones at most."""
        last = _monday(today)
        first = max(min([*self._delivered, last]), last - (_MOST_WEEKS - 1) * _WEEK)
        so_far = sum(number for week, number in self._accepted.items() if week < first)
        weeks = []
        for week in _weeks(first, last):
            so_far += self._accepted[week]
            weeks.append(
                OrderWeek(week, self._due[week], self._delivered[week], self._accepted[week], so_far)
            )
        return weeks


_COUNTED: Final = ("waiting", "sent_back", "interrupted", "missing", "overdue")


def _weeks(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _WEEK


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
