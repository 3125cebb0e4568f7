"""What each test costs: the slowest at the end of a run, and a budget of CPU seconds that every file keeps.

Budgets are in CPU seconds, of the test's process and of what it has started and waited for: a busy machine
does not change them much, a loop or a process more does. Where all tests together take longer than they
should, it is the machine that is slow, and budgets grow with it. What a session shares, such as a server, is
no test's own. A pytest plugin; with xdist, workers measure and their controller adds up.
"""

from __future__ import annotations

import math
import os
import re
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SLOWEST = 40
_SLOWEST_MACHINE = 2.5
"""So much slower a machine may be. Beyond, it is the tests that take too long."""
_TOLD_FROM_SECONDS = 1.0
"""What is quicker is not worth a line."""
_WIDTH = 110
_GROUP = re.compile(r"@[\w/.]+$")
"""What xdist adds to the id of a test that stays with others."""


class Cost(NamedTuple):
    """Seconds of one or several tests."""

    wall: float
    cpu: float

    def __add__(self, other: object) -> Cost:
        assert isinstance(other, Cost)
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


NOTHING = Cost(0.0, 0.0)


@dataclass(frozen=True)
class Budgets:
    """The CPU seconds that a file of tests may take, by its path from the project's root."""

    default: float
    files: dict[str, float]
    together: float = math.inf
    """What all of them take on a quiet machine."""

    @classmethod
    def read(cls, path: Path) -> Budgets:
        """Read ``default``, ``together``, and the table ``files`` of those that may take longer."""
        content = tomllib.loads(path.read_text())
        return cls(content["default"], content["files"], content["together"])

    def exceeded(self, spent: dict[str, Cost]) -> list[str]:
        """Return a sentence for each file that took longer than it may."""
        together = sum(cost.cpu for cost in spent.values())
        slowness = min(_SLOWEST_MACHINE, max(1.0, together / self.together))
        return [
            f"{file} took {cost.cpu:.1f} CPU seconds; its budget is {budget:g}"
            for file, cost in sorted(spent.items())
            if cost.cpu > slowness * (budget := self.files.get(file, self.default))
        ]


@dataclass(eq=False)
class Costs:
    """The plugin: measures where tests run, adds up where they are reported."""

    budgets: Budgets
    tests: defaultdict[str, Cost] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    files: defaultdict[str, Cost] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    _since: Cost = NOTHING
    _shared: Cost = NOTHING
    _depth: int = 0
    _is_last: bool = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, nextitem: pytest.Item | None) -> Iterator[None]:
        """Begin to measure."""
        self._since, self._is_last = _now(), nextitem is None
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        """Count apart what is made for the whole session, and by whichever test comes first."""
        if fixturedef.scope != "session" or self._depth:
            return (yield)
        self._depth, began = 1, _now()
        try:
            return (yield)
        finally:
            self._depth = 0
            self._shared += _now() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Write the cost of this phase into its report, by which it comes from a worker to the controller."""
        report: Any = yield
        now = _now()
        # With the last test of a session goes all that the session shares.
        is_own = not (self._is_last and call.when == "teardown")
        report.cost = tuple(now - self._since - self._shared if is_own else NOTHING)
        self._since, self._shared = now, NOTHING
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401  the cost is an attribute of ours
        """Add up; what soaks takes the time that it is given."""
        cost = Cost(*report.cost) if hasattr(report, "cost") else NOTHING
        self.tests[report.nodeid] += cost
        if "soak" not in report.keywords:
            self.files[report.nodeid.partition("::")[0]] += cost

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run where a file has exceeded its budget."""
        if not _is_worker(session.config) and self.budgets.exceeded(self.files):
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the slowest tests, and what exceeded its budget."""
        slow = sorted(self.tests.items(), key=lambda test: test[1], reverse=True)[:SLOWEST]
        told = [
            f"{cost.wall:7.1f}{cost.cpu:7.1f}  {_GROUP.sub('', test).removeprefix('tests/')}"[:_WIDTH]
            for test, cost in slow
            if cost.wall >= _TOLD_FROM_SECONDS
        ]
        if told:
            together = sum(self.files.values(), NOTHING)
            terminalreporter.section("the slowest tests: seconds, CPU seconds")
            for line in (f"{together.wall:7.0f}{together.cpu:7.0f}  all tests together", *told):
                terminalreporter.write_line(line)
        exceeded = self.budgets.exceeded(self.files)
        if exceeded:
            terminalreporter.section("over budget (tests/budgets.toml)", red=True)
            for line in exceeded:
                terminalreporter.write_line(line)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _now() -> Cost:
    spent = os.times()
    return Cost(time.monotonic(), spent.user + spent.system + spent.children_user + spent.children_system)
