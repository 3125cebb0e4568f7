"""The port of what was ordered: one order an object, and what came of it.

What the database knows of an order stands in the journal too, so that a rebuild brings it again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from preservation.errors import NotFoundError
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, SubmissionId
from preservation.model.orders import Order, PlacedOrder, Withdrawal
from preservation.model.verdicts import Verdict
from preservation.orders.difference import ListDifference, OrderChange

ACCEPTED = frozenset({Verdict.STORED, Verdict.ALREADY_KEPT})
"""How a submission ends that fulfils an order."""


@dataclass(frozen=True, slots=True)
class OrderOnArrival:
    """The order of an object that is dropped; ``accepted_at`` is when another drop of it was first kept."""

    placed: PlacedOrder | None
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderEvents:
    """Makes the events of what a list changes: of one object each."""

    changed: Callable[[OrderChange], Event]
    withdrawn: Callable[[Order], Event]


@dataclass(frozen=True, slots=True)
class DeliveredDrop:
    """One drop of an ordered object, how it ended, and the page that answered it, where there is one."""

    received_at: datetime
    verdict: Verdict
    concluded_at: datetime
    receipt: Path | None = None


@dataclass(frozen=True, slots=True)
class OrderedDeliveries:
    """An order that holds, and the drops that came of its object, in the order in which they ended."""

    placed: PlacedOrder
    deliveries: tuple[DeliveredDrop, ...]


class Orders(Protocol):
    """What was ordered. Every peer passes ``tests/contract/test_orders.py``.

    Every method may raise ``UnavailableError``, ``StoreFullError`` or ``DeniedError``.
    """

    def on_arrival(self, object_id: ObjectId, submission: SubmissionId) -> OrderOnArrival:
        """Return the order of an object, also a withdrawn one, and when another submission fulfilled it."""

    def open_names(self, collection: CollectionName) -> Iterator[ObjectName]:
        """Yield the objects of a collection that are ordered and of which no drop was kept, by name."""

    def placed(self, collection: CollectionName) -> Iterator[PlacedOrder]:
        """Yield all orders of a collection, also the withdrawn ones, in the order in which they came."""

    def place(
        self,
        collection: CollectionName,
        listed: Iterable[Order],
        at: datetime,
        events: OrderEvents,
        withdrawal: Withdrawal | None = None,
    ) -> ListDifference:
        """Make the orders of a collection what a list says, in one transaction; return what differed.

        What the list does not have is withdrawn by ``withdrawal``, and stays where there is none. An order
        that was withdrawn and is listed again is new.
        """

    def withdraw(self, object_id: ObjectId, withdrawal: Withdrawal, event: Event) -> PlacedOrder:
        """Withdraw one order, and return it. Raises ``NotFoundError`` where none holds."""

    def deliveries(
        self, collection: CollectionName | None = None, batch: str | None = None, vendor: str | None = None
    ) -> Iterator[OrderedDeliveries]:
        """Yield the orders that hold, of all that are given, each with what was dropped of its object."""

    def restore(self, order: Order, at: datetime, *, is_new: bool) -> None:
        """Put back an order that the journal states, placed (or changed) ``at`` that moment.

        What is there stays where it changed as late, or later.
        """

    def restore_withdrawal(self, object_id: ObjectId, withdrawal: Withdrawal) -> None:
        """Put back the withdrawal of an order; where the order is gone, or changed later, nothing is done."""


def not_ordered(object_id: ObjectId) -> NotFoundError:
    """Return the error for an object of which no order holds."""
    return NotFoundError(
        f"{object_id}: no order of it holds; see what is ordered with: muniment order status"
    )
