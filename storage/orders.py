"""What was ordered, in the database that has catalogue and journal: a transaction for each method."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, SubmissionId
from preservation.model.orders import Order, PlacedOrder, Withdrawal
from preservation.model.verdicts import Verdict
from preservation.orders.difference import ListDifference, difference_of
from storage.database import tables
from storage.database.opening import Database
from storage.journal.sql import append_entries
from storage.ports.orders import (
    ACCEPTED,
    DeliveredDrop,
    OrderedDeliveries,
    OrderEvents,
    OrderOnArrival,
    not_ordered,
)

_orders = tables.orders.c
_ends = tables.submissions.c
_BATCH: Final = 500
"""Rows a statement: databases limit the values of one."""


class SqlOrders:
    """``Orders`` in a database, SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def on_arrival(self, object_id: ObjectId, submission: SubmissionId) -> OrderOnArrival:
        """Return the order of an object, and whether another submission fulfilled it."""
        accepted = (
            select(func.min(_ends.concluded_at))
            .where(_is_accepted(), _ends.identifier != submission)
            .where(_ends.collection == object_id.collection, _ends.name == object_id.name)
            .scalar_subquery()
        )
        query = select(tables.orders, accepted.label("accepted_at")).where(_is_of(object_id))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return OrderOnArrival(None, None) if row is None else OrderOnArrival(_placed(row), row.accepted_at)

    def open_names(self, collection: CollectionName) -> Iterator[ObjectName]:
        """Yield the objects of a collection that are ordered and of which no drop was kept, by name."""
        kept = exists().where(
            _is_accepted(), _ends.collection == _orders.collection, _ends.name == _orders.name
        )
        query = select(_orders.id, _orders.name).where(_orders.collection == collection, _holds(), ~kept)
        for page in self._database.pages(query, _orders.id):
            yield from (ObjectName(row.name) for row in page)

    def placed(self, collection: CollectionName) -> Iterator[PlacedOrder]:
        """Yield all orders of a collection, in the order in which they came."""
        query = select(tables.orders).where(_orders.collection == collection)
        for page in self._database.pages(query, _orders.id):
            yield from map(_placed, page)

    def place(
        self,
        collection: CollectionName,
        listed: Iterable[Order],
        at: datetime,
        events: OrderEvents,
        withdrawal: Withdrawal | None = None,
    ) -> ListDifference:
        """Make the orders of a collection what a list says, in one transaction; return what differed."""
        query = select(tables.orders).where(_orders.collection == collection)
        with self._database.writing() as connection:
            # Two lists at once: the second one waits here, and is compared with what the first one left.
            append_entries(connection, ())
            placed = [_placed(row) for row in connection.execute(query)]
            found = difference_of(listed, placed)
            known = {one.order.object for one in placed}
            inserted = [_row(one.order, at) for one in found.new if one.order.object not in known]
            for start in range(0, len(inserted), _BATCH):
                connection.execute(insert(tables.orders), inserted[start : start + _BATCH])
            again = [_row(one.order, at) for one in found.new if one.order.object in known]
            _update(connection, again)
            _update(connection, [_changed_row(one.order, at) for one in found.changed])
            append_entries(connection, map(events.changed, (*found.new, *found.changed)))
            if withdrawal is not None:
                _withdraw(connection, [order.object for order in found.unlisted], withdrawal)
                append_entries(connection, map(events.withdrawn, found.unlisted))
        return found

    def withdraw(self, object_id: ObjectId, withdrawal: Withdrawal, event: Event) -> PlacedOrder:
        """Withdraw one order, and return it."""
        query = select(tables.orders).where(_is_of(object_id), _holds())
        with self._database.writing() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise not_ordered(object_id)
            _withdraw(connection, [object_id], withdrawal)
            append_entries(connection, (event,))
        return _placed(row)

    def deliveries(
        self, collection: CollectionName | None = None, batch: str | None = None, vendor: str | None = None
    ) -> Iterator[OrderedDeliveries]:
        """Yield the orders that hold, of all that are given, each with what was dropped of its object."""
        asked = ((_orders.collection, collection), (_orders.batch, batch), (_orders.vendor, vendor))
        query = select(tables.orders).where(
            _holds(), *(column == value for column, value in asked if value is not None)
        )
        for page in self._database.pages(query, _orders.id):
            rows = iter(page)
            while part := list(islice(rows, _BATCH)):
                yield from self._with_deliveries(part)

    def restore(self, order: Order, at: datetime, *, is_new: bool) -> None:
        """Put back an order that the journal states, unless what is there changed as late."""
        row = _row(order, at)
        with self._database.writing() as connection:
            there = _known(connection, order.object)
            if there is None:
                connection.execute(insert(tables.orders), row)
            elif _last_change(there) < at:
                placed = at if is_new else there.placed_at
                changed = update(tables.orders).where(_is_of(order.object))
                connection.execute(changed.values(row | {"placed_at": placed}))

    def restore_withdrawal(self, object_id: ObjectId, withdrawal: Withdrawal) -> None:
        """Put back the withdrawal of an order, unless what is there changed as late."""
        with self._database.writing() as connection:
            there = _known(connection, object_id)
            if there is not None and _last_change(there) < withdrawal.at:
                _withdraw(connection, [object_id], withdrawal)

    def _with_deliveries(self, part: Sequence[Row[Any]]) -> Iterator[OrderedDeliveries]:
        # By a join: SQLite finds pairs in a list by reading all rows.
        of_order = (_ends.collection == _orders.collection) & (_ends.name == _orders.name)
        query = (
            select(_orders.id, _ends.received_at, _ends.verdict, _ends.concluded_at, _ends.receipt)
            .join_from(tables.orders, tables.submissions, of_order)
            .where(_orders.id.in_([row.id for row in part]))
            .order_by(_ends.concluded_at, _ends.id)
        )
        came: dict[int, list[DeliveredDrop]] = {row.id: [] for row in part}
        with self._database.reading() as connection:
            for end in connection.execute(query):
                drop = DeliveredDrop(end.received_at, Verdict(end.verdict), end.concluded_at, end.receipt)
                came[end.id].append(drop)
        for row in part:
            yield OrderedDeliveries(_placed(row), tuple(came[row.id]))


def _known(connection: Connection, object_id: ObjectId) -> PlacedOrder | None:
    row = connection.execute(select(tables.orders).where(_is_of(object_id))).one_or_none()
    return None if row is None else _placed(row)


def _is_of(object_id: ObjectId) -> ColumnElement[bool]:
    return and_(_orders.collection == object_id.collection, _orders.name == object_id.name)


def _holds() -> ColumnElement[bool]:
    return _orders.withdrawn_at.is_(None)


def _is_accepted() -> ColumnElement[bool]:
    return _ends.verdict.in_([verdict.value for verdict in ACCEPTED])


def _last_change(placed: PlacedOrder) -> datetime:
    return placed.changed_at if placed.withdrawal is None else placed.withdrawal.at


def _withdraw(connection: Connection, objects: Iterable[ObjectId], withdrawal: Withdrawal) -> None:
    terms = {"withdrawn_at": withdrawal.at, "because": withdrawal.because}
    _update(connection, [{"collection": one.collection, "name": one.name, **terms} for one in objects])


def _update(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Update the orders that ``rows`` name; each of them has the same columns."""
    if not rows:
        return
    values: dict[str, Any] = {column: bindparam(f"new_{column}") for column in rows[0]}
    of_row = (_orders.collection == values["collection"]) & (_orders.name == values["name"])
    statement = update(tables.orders).where(of_row).values(values)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        connection.execute(
            statement, [{f"new_{column}": value for column, value in row.items()} for row in batch]
        )


def _row(order: Order, at: datetime) -> dict[str, object]:
    return {
        "collection": order.object.collection,
        "name": order.object.name,
        "pages": order.pages,
        "files": order.files,
        "names": json.dumps(order.names, ensure_ascii=False),
        "due": None if order.due is None else order.due.isoformat(),
        "vendor": order.vendor,
        "batch": order.batch,
        "placed_at": at,
        "changed_at": at,
        "withdrawn_at": None,
        "because": "",
    }


def _changed_row(order: Order, at: datetime) -> dict[str, object]:
    row = _row(order, at)
    del row["placed_at"]
    return row


def _placed(row: Row[Any]) -> PlacedOrder:
    order = Order(
        ObjectId(CollectionName(row.collection), ObjectName(row.name)),
        row.pages,
        row.files,
        tuple(json.loads(row.names)),
        None if row.due is None else date.fromisoformat(row.due),
        row.vendor,
        row.batch,
    )
    withdrawal = None if row.withdrawn_at is None else Withdrawal(row.withdrawn_at, row.because)
    return PlacedOrder(order, row.placed_at, row.changed_at, withdrawal)
