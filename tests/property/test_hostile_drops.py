"""Any tree whatever: it ends in a verdict, what is kept is what came, and nothing else is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hostile_way import TREES, Entry, Way, opened_way
from hypothesis import HealthCheck, given, settings

_ENDS: Counter[str] = Counter()


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with opened_way(tmp_path_factory.mktemp("way")) as opened:
        yield opened


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_any_tree_ends_in_a_verdict_and_what_is_kept_is_what_came(way: Way, tree: list[Entry]):
    _ENDS[way.send(tree).ending.verdict] += 1


def test_such_trees_were_kept_and_sent_back_alike():
    assert {"stored", "rejected"} <= set(_ENDS)
