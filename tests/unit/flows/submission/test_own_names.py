"""What the files of an object are named for: the drop, without the folders that it lay in."""

from __future__ import annotations

import pytest

from flows.submission.drop import own_name
from preservation.model.identifiers import ObjectName


@pytest.mark.parametrize(
    ("name", "grouping", "own"),
    [
        ("sheet-012", 0, "sheet-012"),
        ("sheet__012", 0, "sheet__012"),
        ("2026-05__sheet-012", 1, "sheet-012"),
        ("maps__2026-05__sheet-012", 2, "sheet-012"),
        ("sheet-012", 2, "sheet-012"),
    ],
)
def test_the_groups_of_an_object_are_left_out(name: str, grouping: int, own: str):
    assert own_name(ObjectName(name), grouping) == own
