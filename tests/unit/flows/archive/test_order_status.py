"""The state of orders: what is accepted, what is missing, and what is late, and never more than that."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from itertools import pairwise

from support.records import MOMENT

from flows.archive.orders.page import OrderStatus, OrderTable, StatusRequest, headline, status_page
from flows.archive.orders.status import OrderedObject, OrderState, OrderSummary, ordered_object
from preservation.model.identifiers import ObjectId, ObjectName, parse_object_id
from preservation.model.orders import Order, PlacedOrder
from preservation.model.verdicts import Verdict
from storage.ports.orders import DeliveredDrop, OrderedDeliveries

DAY = timedelta(days=1)
TODAY = MOMENT.date()
MS = parse_object_id("manuscripts/ms-1387")


def an_object(
    *verdicts: Verdict, name: str = MS.name, due: date | None = None, batch: str = "", vendor: str = ""
) -> OrderedObject:
    order = Order(ObjectId(MS.collection, ObjectName(name)), due=due, batch=batch, vendor=vendor)
    came = [
        DeliveredDrop(MOMENT - 9 * DAY + at * DAY, verdict, MOMENT - 8 * DAY + at * DAY)
        for at, verdict in enumerate(verdicts)
    ]
    return ordered_object(OrderedDeliveries(PlacedOrder(order, MOMENT, MOMENT), tuple(came)), TODAY)


def test_an_order_is_accepted_once_a_drop_was_kept_whatever_comes_later():
    assert an_object().state is OrderState.MISSING
    assert an_object(Verdict.REJECTED).state is OrderState.SENT_BACK
    assert an_object(Verdict.REJECTED, Verdict.WAITING).state is OrderState.WAITING
    assert an_object(Verdict.INTERRUPTED).state is OrderState.INTERRUPTED
    kept = an_object(Verdict.REJECTED, Verdict.STORED, Verdict.REJECTED)
    assert (kept.state, kept.deliveries, kept.sent_back) == (OrderState.ACCEPTED, 3, 2)
    assert kept.accepted == MOMENT - 7 * DAY
    assert an_object(Verdict.ALREADY_KEPT).state is OrderState.ACCEPTED


def test_an_order_is_overdue_from_the_day_after_it_was_due_until_it_is_accepted():
    assert not an_object(due=TODAY).overdue
    assert an_object(due=TODAY - DAY).overdue
    assert an_object(Verdict.REJECTED, due=TODAY - DAY).overdue
    assert not an_object(Verdict.STORED, due=TODAY - DAY).overdue


def summed(*objects: OrderedObject) -> OrderStatus:
    status = OrderStatus(StatusRequest(), MOMENT, OrderSummary())
    for one in objects:
        status.summary.add(one)
        status.named.append(one)
        status.need_attention += 1
    return status


def test_groups_add_up_to_the_whole():
    status = summed(
        an_object(batch="3", vendor="Müller"),
        an_object(Verdict.STORED, batch="3", vendor="Müller", due=TODAY),
        an_object(Verdict.REJECTED, Verdict.STORED, batch="3", vendor="Maier"),
        an_object(Verdict.REJECTED, batch="4", vendor="Müller", due=TODAY - DAY),
    )
    assert [(one.batch, one.vendor, one.ordered) for one in status.summary.in_order()] == [
        ("3", "Maier", 1),
        ("3", "Müller", 2),
        ("4", "Müller", 1),
    ]
    assert headline(status) == (
        "4 objects ordered: 2 accepted (1 at once), 1 sent back, 0 waiting for a person, 0 interrupted, "
        "1 not delivered; 1 overdue."
    )
    assert headline(summed()) == "Nothing is ordered."


def test_weeks_go_on_without_a_gap_and_add_up():
    summary = OrderSummary()
    for one in (an_object(Verdict.STORED, due=TODAY), an_object(Verdict.REJECTED)):
        summary.add(one)
    weeks = summary.weeks(TODAY + 7 * DAY)
    assert [one.first_day.weekday() for one in weeks] == [0] * len(weeks)
    assert {after.first_day - one.first_day for one, after in pairwise(weeks)} == {7 * DAY}
    assert (sum(one.delivered for one in weeks), weeks[-1].accepted_so_far) == (2, 1)
    assert len(summary.weeks(TODAY + 5_000 * DAY)) == 26
    assert summary.weeks(TODAY + 5_000 * DAY)[0].accepted_so_far == 1


def test_the_page_says_in_words_what_its_plot_shows_and_runs_nothing():
    page = status_page(summed(an_object(Verdict.REJECTED, name="<script>alert(1)</script> =1", batch="=3")))
    text = page.decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    [plot] = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert re.search(r"<desc id=[^>]*>[0-9]+ bars?, from", plot)
    assert "sent back" in text
    assert not re.search(r"(?:src|href)=", text)


def test_the_page_of_a_batch_has_a_name_of_its_own_that_leads_nowhere():
    request = StatusRequest(MS.collection, "3/../..", "Müller & Söhne")
    assert request.suffix == "-manuscripts-batch-3-vendor-Müller-Söhne"
    assert len(StatusRequest(batch="x" * 200).suffix.encode()) < 200


def test_no_cell_of_the_table_is_run_as_a_formula():
    sink = io.BytesIO()
    table = OrderTable(sink.write)
    table.add(an_object(name='=HYPERLINK("x")', vendor="@SUM(A1)", batch="+3", due=TODAY))
    headings, row = csv.reader(io.StringIO(sink.getvalue().decode()))
    cells = dict(zip(headings, row, strict=True))
    assert cells["object"] == '\'=HYPERLINK("x")'
    assert (cells["vendor"], cells["batch"], cells["overdue"]) == ("'@SUM(A1)", "'+3", "no")
    assert (cells["state"], cells["due"]) == ("not delivered", TODAY.isoformat())
