"""Python processes that find the modules of the tests, as pytest's own process does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TESTS: Final = Path(__file__).resolve().parents[1]


def with_tests_on_path() -> dict[str, str]:
    """Return this process's environment, with imports looked for among the tests too."""
    return {**os.environ, "PYTHONPATH": f"{_TESTS}{os.pathsep}{_TESTS.parent}"}
