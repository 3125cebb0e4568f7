"""How a run of the job that fills stores ends."""

from __future__ import annotations

import pytest
from support.records import package_named

from flows.archive.fill import FillOutcome
from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled, Shortfall
from flows.orchestration.jobs.fill import _result, _row
from preservation.model.identifiers import StoreName

SHEET, SECOND = package_named("maps/sheet/v1"), StoreName("second")
FILLED = FilledReplica(SECOND, SHEET, 900)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ([FILLED], "Filled"),
        ([FILLED, NotFilled(SECOND, None, "it is away")], "Lacking"),
        ([FILLED, Shortfall(SHEET, 1, 2, 1, 2)], "Lacking"),
        ([FILLED, LeftForLater(2, 900)], "Lacking"),
        ([NotFilled(SECOND, SHEET, "other bytes", damage=True), Shortfall(SHEET, 1, 2, 1, 2)], "Damaged"),
    ],
)
def test_the_state_says_whether_something_is_lacking_or_damaged(found: list[FillOutcome], name: str):
    rows = [_row(one, dry_run=False) for one in found]
    result = _result(found, rows, dry_run=False)
    assert (result.name, result.good) == (name, name == "Filled")
    assert all(set(row) == {"store", "package", "is", "why"} for row in rows)
    for one in found:
        assert isinstance(one, FilledReplica) or one.sentence in result.sentence
