"""In which order tests run, and which stay together, where several workers share them.

A pytest plugin. What tests share (a server; a service or an installation of a module) is made once where one
worker has them all; spread over workers it is made by each. Files with a budget of their own come first: they
start services and wait for them, and the short tests fill the time until all have ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from support.costs import Budgets

_SERVERS = ("postgresql", "clamd", "swift")
"""What a test that needs it has among its fixtures, or its parameters."""

_WITHOUT_BUDGET = 20.0
"""CPU seconds that a file in need of Prefect is taken to cost, where it has no budget of its own."""

_PREFECTS = 3
"""Prefect takes long to start, and is never quite at rest: so many workers have one of their own."""


@dataclass(frozen=True, eq=False)
class Order:
    """The plugin: what may take longest comes first."""

    budgets: Budgets

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort, and mark for xdist what stays together (``--dist loadgroup``)."""
        items.sort(key=lambda item: -self.budgets.files.get(_file(item), 0.0))
        together = {_file(item): _file(item) for item in items if _shares_in_its_module(item)}
        together |= {
            _file(item): server for item in items if _file(item) in together and (server := _server(item))
        }
        prefects = _shared_out({_file(item) for item in items if _needs_prefect(item)}, self.budgets)
        together |= {file: prefect for file, prefect in prefects.items() if file in together}
        for item in items:
            prefect = prefects[_file(item)] if _needs_prefect(item) else ""
            if group := together.get(_file(item)) or prefect or _server(item):
                item.add_marker(pytest.mark.xdist_group(group))


def _shared_out(files: Iterable[str], budgets: Budgets) -> dict[str, str]:
    """Return with which Prefect the tests of each file run, so that all are done at about the same time."""
    cost = {file: budgets.files.get(file, _WITHOUT_BUDGET) for file in files}
    shares = [0.0] * _PREFECTS
    found = {}
    for file in sorted(cost, key=lambda file: (-cost[file], file)):
        least = shares.index(min(shares))
        shares[least] += cost[file]
        found[file] = f"prefect-{least}"
    return found


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _shares_in_its_module(item: Any) -> bool:  # noqa: ANN401  which fixtures a test has is no part of pytest's types
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(fixture.scope == "module" for fixture, *_ in (reversed(found) for found in fixtures))


def _needs_prefect(item: Any) -> bool:  # noqa: ANN401  the same
    return item.get_closest_marker("in_prefect") is not None or "prefect_url" in item.fixturenames


def _server(item: Any) -> str:  # noqa: ANN401  the same
    asked = f"{' '.join(item.fixturenames)} {item.name.partition('[')[2]}".lower()
    return next((server for server in _SERVERS if server in asked), "")
