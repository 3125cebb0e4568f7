"""A file of tests that costs more than its budget makes the run fail, with one worker or with several."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.costs import Budgets, Cost
from support.order import _shared_out

_CONFTEST = """
import sys
import time

sys.path.insert(0, {tests!r})
import pytest
from support.costs import Budgets, Costs


def spend(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def pytest_configure(config):
    config.pluginmanager.register(Costs(Budgets(0.3, {{"test_allowed.py": 5}})))


@pytest.fixture(scope="session")
def server():
    spend(0.5)
    yield spend
    spend(0.5)


@pytest.fixture
def spending():
    return spend
"""
_DEAR = """
import subprocess
import sys


def test_in_its_own_process(spending):
    spending(0.2)


def test_in_a_process_that_it_starts():
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.2: pass"], check=True)
"""
_FILES = {
    "test_dear.py": _DEAR,
    "test_allowed.py": _DEAR,
    "test_shared.py": "def test_first(server): pass\n\n\ndef test_last(server): pass\n",
    "test_soaks.py": "import pytest\n\n\n@pytest.mark.soak\ndef test_long(spending): spending(0.5)\n",
    "test_waits.py": "import time\n\n\ndef test_sleeps(): time.sleep(1.1)\n",
}


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "two workers"])
def test_a_file_over_its_budget_is_named_and_fails_the_run_and_the_slowest_tests_are_listed(
    tmp_path: Path, project: Path, workers: tuple[str, ...]
):
    (tmp_path / "conftest.py").write_text(_CONFTEST.format(tests=str(project / "tests")))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = soak\n")
    for name, content in _FILES.items():
        (tmp_path / name).write_text(content)

    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *workers],
        cwd=tmp_path,
        # Its temporary files stay here: it would shut the folder of all runs to other accounts.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == pytest.ExitCode.TESTS_FAILED, finished.stdout
    assert "8 passed" in finished.stdout
    [over] = re.findall(r".*budget is.*", finished.stdout)
    assert re.fullmatch(r"test_dear\.py took (0\.[4-9]|[1-4]\.\d) CPU seconds; its budget is 0\.3", over)
    [waited] = re.findall(r"^ +(\S+) +(\S+)  test_waits\.py::test_sleeps$", finished.stdout, re.MULTILINE)
    assert float(waited[0]) >= 1.1
    assert float(waited[1]) < 0.3


@pytest.mark.parametrize(
    ("others", "dear", "over"), [(80.0, 20.0, ["dear"]), (180.0, 20.0, []), (900.0, 30.0, ["dear"])]
)
def test_budgets_grow_where_the_machine_is_slow_and_not_without_end(
    others: float, dear: float, over: list[str]
):
    spent = {"dear": Cost(0, dear)} | {f"other {n}": Cost(0, others / 100) for n in range(100)}
    told = Budgets(default=11, files={}, together=100).exceeded(spent)
    assert [sentence.partition(" ")[0] for sentence in told] == over


def test_files_that_need_prefect_are_shared_out_by_their_cost():
    budgets = Budgets(default=60, files={"a": 90.0, "b": 50.0, "c": 40.0})
    shared = _shared_out(["d", "c", "b", "a"], budgets)
    assert shared == {"a": "prefect-0", "b": "prefect-1", "c": "prefect-2", "d": "prefect-2"}


def test_every_file_that_has_a_budget_of_its_own_is_there(project: Path):
    named = tomllib.loads((project / "tests" / "budgets.toml").read_text())["files"]
    assert [file for file in named if not (project / file).is_file()] == []
