"""Places the orders of a list, and withdraws orders: in the database and in the journal, or in neither."""

from datetime import datetime
from pathlib import Path
from uuid import uuid4

from flows.archive.journal_seal import seal
from flows.installation.log import LOG
from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.errors import ConfigurationError, PreservationError
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import CollectionName, ObjectId, SubmissionId
from preservation.model.orders import ORDER_WITHDRAWN, PlacedOrder, Withdrawal, ordered_by, stated_terms
from preservation.model.paths import printable
from preservation.orders.difference import ListDifference, OrderChange, difference_of
from preservation.orders.reading import ListedOrders
from storage.ports.orders import OrderEvents


def difference_from(
    listed: ListedOrders, collection: CollectionName, installation: Installation
) -> ListDifference:
    """Return what importing a list would change. Nothing is changed."""
    return difference_of(listed.orders, installation.orders.placed(collection))


def place_list(
    listed: ListedOrders,
    collection: CollectionName,
    path: Path,
    installation: Installation,
    *,
    withdraw: bool,
) -> ListDifference:
    """Make the orders of a collection what a list says, all or nothing of it; return what differed.

    What the list does not have is withdrawn with ``withdraw``, and stays without. Raises ``StorageError``.
    """
    at, name = now(), printable(path.name)
    source = f"{name}, SHA-256 {listed.digest}"
    events = OrderEvents(
        lambda change: _placed(change, source, at),
        lambda order: _withdrawn(order.object, f"{name} does not list it any more", SOFTWARE, at),
    )
    withdrawal = Withdrawal(at, f"{name} does not list it any more") if withdraw else None
    found = installation.orders.place(collection, listed.orders, at, events, withdrawal)
    if found.new or found.changed or (withdraw and found.unlisted):
        _seal(installation)
    return found


def withdraw_order(object_id: ObjectId, installation: Installation, *, by: str, because: str) -> PlacedOrder:
    """Withdraw the order of an object, and return it; the journal has who did it, and why.

    Raises ``NotFoundError`` where no order of it holds, ``ConfigurationError`` where it is not given who
    withdraws it, or why, ``StorageError``.
    """
    if not by.strip() or not because.strip():
        raise ConfigurationError("a withdrawal names who withdraws, and why; give both")
    at = now()
    event = _withdrawn(object_id, because, Agent(AgentKind.PERSON, by), at)
    withdrawn = installation.orders.withdraw(object_id, Withdrawal(at, because), event)
    _seal(installation)
    return withdrawn


def _seal(installation: Installation) -> None:
    try:
        seal(installation)
    except PreservationError as error:
        # It is recorded, and in the journal, which is sealed by every night's run.
        LOG.warning("the journal could not be sealed: %s", error)


def _placed(change: OrderChange, source: str, at: datetime) -> Event:
    detail = ordered_by(source, changed=change.before is not None)
    return _event(change.order.object, detail, stated_terms(change.order), SOFTWARE, at)


def _withdrawn(object_id: ObjectId, because: str, by: Agent, at: datetime) -> Event:
    return _event(object_id, ORDER_WITHDRAWN, because, by, at)


def _event(object_id: ObjectId, detail: str, note: str, by: Agent, at: datetime) -> Event:
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.POLICY_ASSIGNMENT, str(object_id)),
        EventType.POLICY_ASSIGNMENT,
        at,
        str(object_id),
        EventOutcome.SUCCESS,
        detail,
        note,
        by,
    )
