"""A delivery held against its order: no fault is passed over, and none is invented."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preservation.model.identifiers import parse_object_id
from preservation.model.issues import Issue, Severity
from preservation.model.orders import Order, Withdrawal
from preservation.model.paths import RelativePath
from preservation.orders import codes
from preservation.orders.delivery import DeliveredFiles, issues_of_order, issues_of_unordered
from preservation.orders.near import near_names
from preservation.policy.orders import Ordering

MS = parse_object_id("manuscripts/ms-1387")
THEN = datetime(2026, 11, 21, 1, 15, tzinfo=UTC)


def delivered(order: Order, paths: Iterable[str], **ordering: object) -> list[Issue]:
    files = DeliveredFiles(order, Ordering.model_validate(ordering))
    for path in paths:
        files.add(RelativePath(path))
    return list(files.issues())


def pages(number: int) -> list[str]:
    return [f"ms_{page:04}.tif" for page in range(1, number + 1)]


def test_a_delivery_as_it_was_ordered_has_no_issue():
    order = Order(MS, 3, 4, ("ms_0001.tif", "text/notes.txt"))
    paths = ["ms_0001.tif", "text/notes.txt"]
    assert delivered(Order(MS, 3, 4), [*pages(3), "notes.txt"]) == []
    assert delivered(order, [*paths, "ms_0002.tif", "ms_0003.tif"])[0].code == codes.NAMES_UNEXPECTED
    assert delivered(Order(MS, names=tuple(paths)), paths) == []
    assert delivered(Order(MS), ["anything"]) == []


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (11, "12 pages of manuscripts/ms-1387 were ordered, and 11 are delivered: 1 page too few."),
        (14, "12 pages of manuscripts/ms-1387 were ordered, and 14 are delivered: 2 pages too many."),
    ],
)
def test_too_few_and_too_many_pages_are_told(number: int, sentence: str):
    [issue] = delivered(Order(MS, 12), [*pages(number), "notes.txt"], numbers="reject")
    assert (issue.code, issue.message, issue.severity) == (codes.WRONG_PAGES, sentence, Severity.ERROR)


def test_the_policy_says_which_files_are_pages():
    both = [f"{folder}/{name}" for folder in ("masters", "jpegs") for name in pages(3)]
    assert delivered(Order(MS, 3), both, page_files=["masters/*.tif"]) == []
    assert delivered(Order(MS, 3), both)[0].code == codes.WRONG_PAGES


def test_a_page_that_is_there_twice_does_not_stand_for_one_that_is_missing():
    twice = ["a/ms_0001.tif", "b/ms_0001.tif"]
    issues = delivered(Order(MS, 2, 2, ("ms_0001.tif", "ms_0002.tif")), twice)
    assert [issue.code for issue in issues] == [codes.NAMES_MISSING]


def test_one_file_is_not_two_that_were_ordered():
    [missing] = delivered(Order(MS, names=("ms_0001.tif", "a/ms_0001.tif")), ["a/ms_0001.tif"])
    assert missing.message.startswith("1 file that was ordered is not in the delivery: 'ms_0001.tif'.")


def test_names_that_are_missing_and_names_that_were_perhaps_meant_are_told():
    order = Order(MS, names=("ms_0001.tif", "ms_0002.tif", "cover.tif"))
    missing, unexpected = delivered(order, ["ms_0001.tif", "MS_002.tif", "Thumbnail.png"])
    assert missing.message == (
        "2 files that were ordered are not in the delivery: 'ms_0002.tif', 'cover.tif'. "
        "Perhaps 'MS_002.tif' for 'ms_0002.tif'."
    )
    assert unexpected.message == (
        "2 files of the delivery were not ordered by their names: 'MS_002.tif', 'Thumbnail.png'."
    )
    assert {missing.severity, unexpected.severity} == {Severity.QUESTION}


def test_of_a_million_unexpected_files_a_few_are_named():
    files = DeliveredFiles(Order(MS, names=("x.tif",)), Ordering())
    for number in range(20_000):
        files.add(RelativePath(f"{number}.tif"))
    _, unexpected = files.issues()
    assert "20,000 files of the delivery" in unexpected.message
    assert unexpected.message.endswith("and 19,995 more.")
    assert len(files._unexpected_names) == 1_000


def test_a_late_delivery_and_one_that_was_accepted_before_are_told():
    order = Order(MS, due=date(2026, 11, 30))
    assert list(issues_of_order(order, Ordering(), date(2026, 11, 30), None)) == []
    [late] = issues_of_order(order, Ordering(), date(2026, 12, 1), None)
    assert late.message.endswith("was to be delivered by 2026-11-30; it comes 1 day late.")
    [before] = issues_of_order(order, Ordering(), date(2026, 12, 1), THEN)
    assert (before.code, before.severity) == (codes.DELIVERED_BEFORE, Severity.WARNING)


def unordered(
    name: str, names: Iterable[str], action: str, withdrawal: Withdrawal | None = None
) -> list[Issue]:
    ordering = Ordering.model_validate({"unordered": action})
    return list(issues_of_unordered(parse_object_id(f"manuscripts/{name}"), ordering, withdrawal, names))


def test_a_drop_that_nobody_ordered_is_what_the_policy_says():
    assert unordered("x-1", ["ms-1387"], "accept") == []
    [asked] = unordered("x-1", ["ms-1387"], "ask")
    [rejected] = unordered("x-1", [], "reject")
    assert (asked.severity, rejected.severity) == (Severity.QUESTION, Severity.ERROR)
    assert asked.message == "manuscripts/x-1 was not ordered."


def test_a_slip_in_the_name_is_told_also_where_any_drop_is_accepted():
    [issue] = unordered("ms-1378", ["ms-1387", "ms-2000"], "accept")
    assert issue.message == "manuscripts/ms-1378 was not ordered. Did you mean 'ms-1387'?"
    assert issue.severity is Severity.WARNING


def test_a_withdrawn_order_says_since_when_and_why():
    [issue] = unordered("ms-1", [], "ask", Withdrawal(THEN, "too fragile."))
    assert issue.message == "The order of manuscripts/ms-1 was withdrawn on 2026-11-21: too fragile."


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ms-1378", "ms-1387"),
        ("MS-1387", "ms-1387"),
        ("ms-001387", "ms-1387"),
        ("ms-138", "ms-1387"),
        ("ms-13877", "ms-1387"),
        ("ns-1387", "ms-1387"),
        ("Cafe\u0301", "caf\u00e9"),
    ],
)
def test_one_slip_of_the_hand_is_found(name: str, meant: str):
    assert near_names(name, [meant, "other", "ms-9999"]) == (meant,)


@pytest.mark.parametrize("name", ["ms-1399", "sm-1378", "a", "", "ms-1387-1387"])
def test_two_slips_are_another_name(name: str):
    assert near_names(name, ["ms-1387", "b"]) == ()


def test_the_nearest_come_first_and_a_few_at_most():
    many = ["ms-1377", "ms-1388", "ms-1398", "ms-1378", "ms-01387"]
    assert near_names("ms-1387", many) == ("ms-01387", "ms-1378", "ms-1377")


@given(st.text("abxyzäж-", min_size=4, max_size=9), st.data())
def test_a_pair_that_changed_places_is_near_wherever_it_stands(name: str, data: st.DataObject):
    at = data.draw(st.integers(0, len(name) - 2))
    swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    assert near_names(swapped, [name]) == (name,)
