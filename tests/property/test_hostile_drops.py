"""Any tree whatever: it ends in a verdict, what is kept is what came, and nothing else is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from ordeals.hostile_way import TREES, Entry, Way, opened_way


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with opened_way(tmp_path_factory.mktemp("way")) as opened:
        yield opened


def test_any_tree_ends_in_a_verdict_and_what_is_kept_is_what_came(way: Way):
    ends: Counter[str] = Counter()

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(TREES)
    def send(tree: list[Entry]) -> None:
        ends[way.send(tree).ending.verdict] += 1

    send()
    # Where all came to the same end, the trees would be no test.
    assert {"stored", "rejected"} <= set(ends)
