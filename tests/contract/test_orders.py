"""What every keeper of orders must do, the one in memory first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from services.databases import ENGINES, database_url
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.memory_orders import MemoryOrders
from support.records import MOMENT, a_conclusion, an_event

from preservation.errors import NotFoundError
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, SubmissionId, parse_object_id
from preservation.model.orders import Order, PlacedOrder, Withdrawal
from preservation.model.verdicts import Verdict
from storage.catalogue.sql import SqlCatalogue
from storage.database.opening import open_database
from storage.journal.sql import SqlJournal
from storage.orders import SqlOrders
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.ports.orders import OrderEvents, OrderOnArrival, Orders

MAPS, PLANS = CollectionName("maps"), CollectionName("plans")
SHEET = parse_object_id("maps/sheet")
OTHER = SubmissionId("ff")
HOUR = timedelta(hours=1)
GONE = Withdrawal(MOMENT + 9 * HOUR, "not listed any more")


@dataclass
class Kept:
    orders: Orders
    catalogue: Catalogue
    journal: Journal


@pytest.fixture(params=["memory", *ENGINES])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    match request.param:
        case "memory":
            journal = MemoryJournal()
            catalogue = MemoryCatalogue(journal)
            yield Kept(MemoryOrders(catalogue, journal), catalogue, journal)
        case engine:
            with open_database(database_url(engine, request, tmp_path)) as database:
                yield Kept(SqlOrders(database), SqlCatalogue(database), SqlJournal(database))


def event_about(order: Order) -> Event:
    return an_event(1, str(order.object))


EVENTS = OrderEvents(lambda change: an_event(2, str(change.order.object)), event_about)


def an_order(name: str, collection: str = "maps", **terms: object) -> Order:
    return replace(Order(parse_object_id(f"{collection}/{name}")), **terms)  # type: ignore[arg-type]


WHOLE = an_order(
    "sheet",
    pages=12,
    files=13,
    names=("sheet_0001.tif", "Übersicht | \N{WHITE SMILING FACE}.tif"),
    due=date(2026, 12, 31),
    vendor="Müller & Söhne",
    batch="3",
)


def test_an_order_comes_back_as_it_was_placed(kept: Kept):
    found = kept.orders.place(MAPS, [WHOLE, an_order("plate")], MOMENT, EVENTS)
    assert [one.order for one in found.new] == [WHOLE, an_order("plate")]
    assert kept.orders.on_arrival(SHEET, OTHER) == OrderOnArrival(PlacedOrder(WHOLE, MOMENT, MOMENT), None)
    assert [one.order for one in kept.orders.placed(MAPS)] == [WHOLE, an_order("plate")]
    assert list(kept.orders.placed(PLANS)) == []


def test_the_same_list_again_changes_nothing_and_records_nothing(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    head = kept.journal.head()
    found = kept.orders.place(MAPS, [WHOLE], MOMENT + HOUR, EVENTS)
    assert (found.new, found.changed, found.unchanged, found.unlisted) == ((), (), 1, ())
    assert kept.journal.head() == head
    assert kept.orders.on_arrival(SHEET, OTHER).placed == PlacedOrder(WHOLE, MOMENT, MOMENT)


def test_a_changed_order_keeps_the_time_at_which_it_was_placed(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    fewer = replace(WHOLE, pages=11, due=None)
    [changed] = kept.orders.place(MAPS, [fewer], MOMENT + HOUR, EVENTS).changed
    assert (changed.before, changed.order) == (WHOLE, fewer)
    assert kept.orders.on_arrival(SHEET, OTHER).placed == PlacedOrder(fewer, MOMENT, MOMENT + HOUR)


def test_what_a_list_does_not_have_stays_unless_it_is_withdrawn(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    assert kept.orders.place(MAPS, [an_order("plate")], MOMENT + HOUR, EVENTS).unlisted == (WHOLE,)
    assert list(kept.orders.open_names(MAPS)) == ["sheet", "plate"]
    kept.orders.place(MAPS, [an_order("plate")], MOMENT + HOUR, EVENTS, GONE)
    assert list(kept.orders.open_names(MAPS)) == ["plate"]
    assert kept.orders.on_arrival(SHEET, OTHER).placed == PlacedOrder(WHOLE, MOMENT, MOMENT, GONE)
    [entry] = [one for one in kept.journal.about("maps/sheet") if one.detail == "act 1"]
    assert entry.object == "maps/sheet"


def test_the_list_of_one_collection_withdraws_nothing_of_another(kept: Kept):
    kept.orders.place(PLANS, [an_order("house", "plans")], MOMENT, EVENTS)
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS, GONE)
    assert list(kept.orders.open_names(PLANS)) == ["house"]


def test_a_withdrawn_order_that_is_listed_again_is_new(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    assert kept.orders.withdraw(SHEET, GONE, event_about(WHOLE)).order == WHOLE
    with pytest.raises(NotFoundError, match="no order of it holds"):
        kept.orders.withdraw(SHEET, GONE, event_about(WHOLE))
    later = GONE.at + HOUR
    [again] = kept.orders.place(MAPS, [WHOLE], later, EVENTS).new
    assert again.before is None
    assert kept.orders.on_arrival(SHEET, OTHER).placed == PlacedOrder(WHOLE, later, later)


def test_nothing_is_placed_where_an_event_cannot_be_made(kept: Kept):
    def refuse(_: object) -> Event:
        raise ValueError("no such event")

    with pytest.raises(ValueError, match="no such event"):
        kept.orders.place(MAPS, [WHOLE], MOMENT, OrderEvents(refuse, event_about))
    assert list(kept.orders.placed(MAPS)) == []


def test_an_order_is_fulfilled_by_another_submission_that_was_kept_and_not_by_the_asking_one(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    kept.catalogue.conclude(a_conclusion("01", Verdict.REJECTED))
    assert kept.orders.on_arrival(SHEET, OTHER).accepted_at is None
    assert list(kept.orders.open_names(MAPS)) == ["sheet"]
    kept.catalogue.conclude(a_conclusion("02", Verdict.STORED))
    assert kept.orders.on_arrival(SHEET, SubmissionId("02")).accepted_at is None
    assert kept.orders.on_arrival(SHEET, OTHER).accepted_at == MOMENT + timedelta(minutes=1)
    assert list(kept.orders.open_names(MAPS)) == []


def test_deliveries_come_with_their_orders_by_collection_batch_and_vendor(kept: Kept):
    kept.orders.place(MAPS, [WHOLE, an_order("plate", batch="4")], MOMENT, EVENTS)
    kept.orders.place(PLANS, [an_order("house", "plans", vendor=WHOLE.vendor)], MOMENT, EVENTS)
    for submission, verdict in (("01", Verdict.REJECTED), ("02", Verdict.STORED)):
        kept.catalogue.conclude(a_conclusion(submission, verdict))
    found = {str(one.placed.order.object): one.deliveries for one in kept.orders.deliveries()}
    assert [one.verdict for one in found.pop("maps/sheet")] == [Verdict.REJECTED, Verdict.STORED]
    assert found == {"maps/plate": (), "plans/house": ()}

    def named(collection: CollectionName | None, batch: str | None, vendor: str | None) -> list[str]:
        asked = kept.orders.deliveries(collection, batch, vendor)
        return [one.placed.order.object.name for one in asked]

    assert named(PLANS, None, None) == ["house"]
    assert named(None, "4", None) == ["plate"]
    assert named(None, None, WHOLE.vendor) == ["sheet", "house"]
    assert named(MAPS, "", None) == []


def test_a_withdrawn_order_is_not_among_what_is_to_be_delivered(kept: Kept):
    kept.orders.place(MAPS, [WHOLE], MOMENT, EVENTS)
    kept.orders.withdraw(SHEET, GONE, event_about(WHOLE))
    assert list(kept.orders.deliveries()) == []


def test_many_orders_come_page_by_page_and_none_twice(kept: Kept):
    many = [an_order(f"sheet-{number:04}") for number in range(1_203)]
    kept.orders.place(MAPS, many, MOMENT, EVENTS)
    assert [one.placed.order for one in kept.orders.deliveries()] == many


def test_what_the_journal_states_is_put_back_and_never_over_what_is_newer(kept: Kept):
    fewer = replace(WHOLE, pages=11)
    kept.orders.restore(WHOLE, MOMENT, is_new=True)
    kept.orders.restore(fewer, MOMENT + HOUR, is_new=False)
    kept.orders.restore(WHOLE, MOMENT, is_new=True)
    there = PlacedOrder(fewer, MOMENT, MOMENT + HOUR)
    assert kept.orders.on_arrival(SHEET, OTHER).placed == there
    kept.orders.restore_withdrawal(SHEET, replace(GONE, at=MOMENT))
    assert kept.orders.on_arrival(SHEET, OTHER).placed == there
    kept.orders.restore_withdrawal(SHEET, GONE)
    kept.orders.restore(fewer, MOMENT + HOUR, is_new=False)
    kept.orders.restore_withdrawal(parse_object_id("maps/unknown"), GONE)
    assert kept.orders.on_arrival(SHEET, OTHER).placed == replace(there, withdrawal=GONE)
    again = GONE.at + HOUR
    kept.orders.restore(WHOLE, again, is_new=True)
    assert kept.orders.on_arrival(SHEET, OTHER).placed == PlacedOrder(WHOLE, again, again)
    assert [one.order for one in kept.orders.placed(MAPS)] == [WHOLE]
