"""What the tests of the flow in their own process share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.archives import Archive
from support.flow_runs import installed


@pytest.fixture
def installation(tmp_path: Path, prefect_url: str) -> Archive:
    """An installation made without the command: a second less for each test."""
    return installed(tmp_path / "archive", prefect_url)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A drop of three pages of text."""
    folder = tmp_path / "drops" / "ledger"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    return folder
