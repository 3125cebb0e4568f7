"""The scorecard of vendors: what was accepted at once, what came back and why, and never more than that."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from support.records import MOMENT

from flows.archive.orders.scorecard import Scorecard, VendorScore, scorecard_of
from flows.archive.orders.scorecard_page import (
    score_sentence,
    scorecard_csv,
    scorecard_json,
    scorecard_page,
)
from flows.archive.receipts import faults_of
from preservation.model.identifiers import parse_object_id
from preservation.model.orders import Order, PlacedOrder
from preservation.model.verdicts import Verdict
from storage.ports.orders import DeliveredDrop, OrderedDeliveries

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SINCE = MOMENT.date() - 60 * DAY
LONG_AGO = MOMENT - 90 * DAY
PICTURE = "data:image/jpeg;base64,/9j/4AAQ"
REJECTED, STORED = Verdict.REJECTED, Verdict.STORED


def delivered(days_ago: float, verdict: Verdict, receipt: Path | None = None) -> DeliveredDrop:
    """A drop that came so long ago, and was answered six hours later."""
    came = MOMENT - days_ago * DAY
    return DeliveredDrop(came, verdict, came + 6 * HOUR, receipt)


def ordered(
    name: str, *deliveries: DeliveredDrop, vendor: str = "Müller", due: date | None = None
) -> OrderedDeliveries:
    order = Order(parse_object_id(f"maps/{name}"), vendor=vendor, due=due)
    return OrderedDeliveries(PlacedOrder(order, LONG_AGO, LONG_AGO), deliveries)


def scorecard(*objects: OrderedDeliveries) -> Scorecard:
    return scorecard_of(objects, SINCE, MOMENT)


def score(*objects: OrderedDeliveries) -> VendorScore:
    [only] = scorecard(*objects).vendors
    return only


def a_receipt(folder: Path, *faults: tuple[str, int], **more: object) -> Path:
    """A receipt of a drop that was sent back for so many files each; none: for the drop as a whole."""
    of_files = [
        {"code": code, "severity": "error", "title": f"Title of {code}", "files": files, "picture": PICTURE}
        for code, files in faults
        if files
    ]
    of_drop = [{"code": code, "severity": "error", "message": "so"} for code, files in faults if not files]
    head = {"object": "maps/a", "faults": of_files, "issues": of_drop, **more}
    page = folder / f"{len(list(folder.iterdir()))}.html"
    page.with_suffix(".json").write_text(json.dumps(head)[:-1] + ',"compared":null,"files":[\n]}\n')
    return page


def test_only_the_first_decided_delivery_of_an_object_counts_as_accepted_at_once():
    one = score(
        ordered("a", delivered(9, STORED)),
        ordered("b", delivered(9, REJECTED), delivered(5, STORED), delivered(1, STORED)),
        ordered("c", delivered(9, Verdict.INTERRUPTED), delivered(8, Verdict.WAITING), delivered(7, STORED)),
        ordered("d", delivered(9, Verdict.WAITING)),
        ordered("e"),
        ordered("f", delivered(3, REJECTED)),
    )
    assert (one.ordered, one.open) == (6, 1)
    whole = one.whole
    assert (whole.deliveries, whole.sent_back, whole.objects, whole.accepted_at_once) == (6, 2, 4, 2)
    assert whole.share_at_once == 50


def test_what_was_answered_before_the_time_counts_nowhere_and_makes_no_later_one_the_first():
    one = score(ordered("a", delivered(80, REJECTED), delivered(9, STORED)))
    assert (one.whole.deliveries, one.whole.objects, one.whole.share_at_once) == (1, 0, None)


def test_times_are_medians_from_answer_to_next_delivery_and_from_delivery_to_answer():
    one = score(
        ordered("a", delivered(9, REJECTED), delivered(7, STORED)),
        ordered("b", delivered(9, REJECTED), delivered(5, REJECTED), delivered(1, STORED)),
    )
    assert one.answer_days == pytest.approx(0.25)
    assert one.rescan_days == pytest.approx(3.75)
    assert score(ordered("a", delivered(9, STORED))).rescan_days is None


def test_late_is_what_came_after_its_day_and_what_is_past_it():
    yesterday = MOMENT.date() - DAY
    one = score(
        ordered("a", delivered(9, STORED), due=yesterday),
        ordered("b", delivered(0.2, STORED), due=yesterday),
        ordered("c", due=yesterday),
        ordered("d", due=MOMENT.date()),
    )
    assert one.late == 2


def test_faults_are_counted_by_delivery_and_file_the_commonest_first_with_three_pictures(tmp_path: Path):
    skewed = [a_receipt(tmp_path, ("PAG-005", 2), ("ORD-002", 0)) for _ in range(4)]
    objects = [ordered(str(at), delivered(9, REJECTED, page)) for at, page in enumerate(skewed)]
    one = score(*objects, ordered("x", delivered(9, REJECTED, a_receipt(tmp_path, ("ORD-002", 0)))))
    order, skew = one.faults
    assert (order.code, order.title, order.deliveries, order.files) == (
        "ORD-002",
        "Another number of pages than ordered",
        5,
        0,
    )
    assert (skew.code, skew.deliveries, skew.files, skew.pictures) == ("PAG-005", 4, 8, [PICTURE] * 3)
    assert one.unread == 0


def test_a_receipt_that_is_gone_or_cut_is_counted_as_unread(tmp_path: Path):
    cut = a_receipt(tmp_path, ("PAG-005", 2)).with_suffix(".json")
    cut.write_bytes(cut.read_bytes()[:40])
    one = score(
        ordered("a", delivered(9, REJECTED, cut.with_suffix(".html"))),
        ordered("b", delivered(9, REJECTED, tmp_path / "gone.html")),
        ordered("c", delivered(9, REJECTED)),
    )
    assert (one.unread, one.faults) == (3, [])


def test_what_a_person_refused_is_a_fault_of_its_own(tmp_path: Path):
    page = a_receipt(tmp_path, decision={"by": "Ada", "because": "no", "approves": False})
    assert [one.code for one in faults_of(page) or ()] == ["refused"]
    approved = a_receipt(tmp_path, decision={"by": "Ada", "because": "no", "approves": True})
    assert faults_of(approved) == ()


def test_vendors_stand_by_name_and_those_of_no_name_too():
    made = scorecard(ordered("a", vendor="Zoe"), ordered("b", vendor=""), ordered("c", vendor="Ann"))
    assert [one.vendor for one in made.vendors] == ["", "Ann", "Zoe"]
    assert "No vendor named" in scorecard_page(made).decode()


def test_the_page_runs_nothing_and_takes_pictures_only_as_receipts_have_them(tmp_path: Path):
    page = a_receipt(tmp_path, ("PAG-005", 2))
    text = page.with_suffix(".json").read_text()
    evil = a_receipt(tmp_path)
    evil.with_suffix(".json").write_text(text.replace(PICTURE, 'https://evil.example/x\\"onerror=\\"'))
    made = scorecard(
        ordered("a", delivered(9, REJECTED, page), vendor="<b>Müller</b>"),
        ordered("b", delivered(9, REJECTED, evil), vendor="<b>Müller</b>"),
    )
    html = scorecard_page(made).decode()
    assert "&lt;b&gt;Müller" in html
    assert html.count("<img ") == 1
    assert "evil" not in html
    assert "img-src data:" in html


def test_json_and_csv_say_what_the_page_says(tmp_path: Path):
    made = scorecard(
        ordered("a", delivered(40, REJECTED, a_receipt(tmp_path, ("PAG-005", 2))), delivered(9, STORED)),
        ordered("b", delivered(9, STORED)),
        ordered("c", vendor="=Maier"),
    )
    fields = json.loads(scorecard_json(made))
    assert fields["vendors"][1]["faults"][0]["pictures"] == 1
    assert [one["share_at_once"] for one in fields["vendors"][1]["months"]] == [0, 100]
    rows = list(csv.DictReader(io.StringIO(scorecard_csv(made).decode())))
    assert [(row["vendor"], row["deliveries"]) for row in rows] == [
        ("'=Maier", "0"),
        ("Müller", "3"),
        ("Müller", "1"),
        ("Müller", "2"),
    ]
    assert rows[1]["commonest_fault"] == "PAG-005 Title of PAG-005"
    assert score_sentence(made.vendors[1]) == (
        "Of 2 objects delivered, 1 (50 %) accepted at the first time; 1 of 3 deliveries sent back; "
        "most often for: Title of PAG-005."
    )
    assert score_sentence(made.vendors[0]).endswith("nothing was accepted or sent back in that time.")


def test_a_moment_before_the_first_day_is_outside():
    first = datetime.combine(SINCE, datetime.min.time(), MOMENT.tzinfo)
    at = DeliveredDrop(first - HOUR, STORED, first)
    before = DeliveredDrop(first - HOUR, STORED, first - timedelta(seconds=1))
    assert score(ordered("a", at)).whole.deliveries == 1
    assert score(ordered("a", before)).whole.deliveries == 0
