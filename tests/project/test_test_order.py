"""What the tests of a file share is made once, though several workers share the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_WORKERS = ("-p", "xdist", "-n", "4", "--dist", "loadgroup", "--no-loadscope-reorder")
_CONFTEST = """
import sys

sys.path.insert(0, {tests!r})
from support.costs import Budgets
from support.order import Order


def pytest_configure(config):
    config.pluginmanager.register(Order(Budgets(1, {{}})))
"""
_TESTS = """
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared():
    with Path(__file__).with_suffix(".made").open("a") as made:
        made.write("once\\n")


@pytest.mark.parametrize("number", range(8))
def test_uses_it(shared, number):
    time.sleep(0.02)
"""


def test_what_a_file_of_tests_shares_is_made_by_one_worker_alone(tmp_path: Path, project: Path):
    (tmp_path / "conftest.py").write_text(_CONFTEST.format(tests=str(project / "tests")))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(_TESTS)

    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *_WORKERS],
        cwd=tmp_path,
        # Its temporary files stay here: it would shut the folder of all runs to other accounts.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(tmp_path)},
        check=True,
    )

    made = sorted(path.read_text() for path in tmp_path.glob("*.made"))
    assert made == ["once\n", "once\n"]
