"""The databases that Muniment keeps its records in, each empty and a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

ENGINES = ("sqlite", "postgresql")


def database_url(engine: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of an empty database; skips the test where the server cannot be had."""
    if engine == "sqlite":
        return f"sqlite:///{folder / 'records.db'}"
    url: str = request.getfixturevalue("postgresql").new_database()
    return url
