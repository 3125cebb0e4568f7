"""What was ordered, in memory: the peer of the database under one contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from support.memory_catalogue import MemoryCatalogue

from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, SubmissionId
from preservation.model.orders import Order, PlacedOrder, Withdrawal
from preservation.orders.difference import ListDifference, difference_of
from storage.ports.journal import Journal
from storage.ports.orders import (
    ACCEPTED,
    DeliveredDrop,
    OrderedDeliveries,
    OrderEvents,
    OrderOnArrival,
    not_ordered,
)


class MemoryOrders:
    """``Orders`` of a catalogue in memory; the events go to ``journal``."""

    def __init__(self, catalogue: MemoryCatalogue, journal: Journal) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._placed: dict[ObjectId, PlacedOrder] = {}

    def on_arrival(self, object_id: ObjectId, submission: SubmissionId) -> OrderOnArrival:
        placed = self._placed.get(object_id)
        if placed is None:
            return OrderOnArrival(None, None)
        kept = [
            one.concluded_at
            for one in self._catalogue.conclusions()
            if one.submission.object == object_id
            and one.submission.identifier != submission
            and one.verdict in ACCEPTED
        ]
        return OrderOnArrival(placed, min(kept, default=None))

    def open_names(self, collection: CollectionName) -> Iterator[ObjectName]:
        kept = {one.submission.object for one in self._catalogue.conclusions() if one.verdict in ACCEPTED}
        for placed in self.placed(collection):
            if placed.withdrawal is None and placed.order.object not in kept:
                yield placed.order.object.name

    def placed(self, collection: CollectionName) -> Iterator[PlacedOrder]:
        return (one for one in self._placed.values() if one.order.object.collection == collection)

    def place(
        self,
        collection: CollectionName,
        listed: Iterable[Order],
        at: datetime,
        events: OrderEvents,
        withdrawal: Withdrawal | None = None,
    ) -> ListDifference:
        found = difference_of(listed, self.placed(collection))
        recorded = [events.changed(one) for one in (*found.new, *found.changed)]
        if withdrawal is not None:
            recorded += map(events.withdrawn, found.unlisted)
        self._journal.append(recorded)
        for one in found.new:
            self._placed[one.order.object] = PlacedOrder(one.order, at, at)
        for one in found.changed:
            placed = self._placed[one.order.object]
            self._placed[one.order.object] = replace(placed, order=one.order, changed_at=at)
        for order in found.unlisted if withdrawal is not None else ():
            self._placed[order.object] = replace(self._placed[order.object], withdrawal=withdrawal)
        return found

    def withdraw(self, object_id: ObjectId, withdrawal: Withdrawal, event: Event) -> PlacedOrder:
        placed = self._placed.get(object_id)
        if placed is None or placed.withdrawal is not None:
            raise not_ordered(object_id)
        self._journal.append([event])
        self._placed[object_id] = replace(placed, withdrawal=withdrawal)
        return placed

    def deliveries(
        self, collection: CollectionName | None = None, batch: str | None = None, vendor: str | None = None
    ) -> Iterator[OrderedDeliveries]:
        for placed in self._placed.values():
            order = placed.order
            asked = ((order.object.collection, collection), (order.batch, batch), (order.vendor, vendor))
            if placed.withdrawal is None and all(value in {None, own} for own, value in asked):
                ends = self._catalogue.history(order.object).conclusions
                came = [
                    DeliveredDrop(one.submission.received_at, one.verdict, one.concluded_at, one.receipt)
                    for one in ends
                ]
                yield OrderedDeliveries(placed, tuple(sorted(came, key=lambda one: one.concluded_at)))

    def restore(self, order: Order, at: datetime, *, is_new: bool) -> None:
        there = self._placed.get(order.object)
        if there is None or _last_change(there) < at:
            placed_at = at if is_new or there is None else there.placed_at
            self._placed[order.object] = PlacedOrder(order, placed_at, at)

    def restore_withdrawal(self, object_id: ObjectId, withdrawal: Withdrawal) -> None:
        there = self._placed.get(object_id)
        if there is not None and _last_change(there) < withdrawal.at:
            self._placed[object_id] = replace(there, withdrawal=withdrawal)


def _last_change(placed: PlacedOrder) -> datetime:
    return placed.changed_at if placed.withdrawal is None else placed.withdrawal.at
