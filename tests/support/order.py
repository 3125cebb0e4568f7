"""In which order tests run, and which stay together, where several workers share them.

A pytest plugin. What a module shares among its tests (a service, an installation that keeps something) is
made once where one worker has them all; spread over workers it is made by each. Files with a budget of their
own come first: they start services and wait for them, and the short tests fill the time until all have ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from support.costs import Budgets


@dataclass(frozen=True, eq=False)
class Order:
    """The plugin: what may take longest comes first."""

    budgets: Budgets

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort, and mark for xdist what stays together (``--dist loadgroup``)."""
        items.sort(key=lambda item: -self.budgets.files.get(_file(item), 0.0))
        for item in items:
            if _shares(item):
                item.add_marker(pytest.mark.xdist_group(_file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _shares(item: Any) -> bool:  # noqa: ANN401  which fixtures a test has is no part of pytest's types
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(fixture.scope == "module" for fixture, *_ in (reversed(found) for found in fixtures))
