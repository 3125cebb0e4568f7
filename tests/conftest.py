"""What every test may ask for."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Third-party files with known truth; a test that asks for them is skipped where they are absent."""
    root = Path(os.environ.get("MUNIMENT_CORPORA", PROJECT.parent / "shared" / "corpora"))
    if not (root / "MANIFEST.csv").is_file():
        pytest.skip(f"the third-party corpora are not at {root}; set MUNIMENT_CORPORA to where they are")
    return root


@pytest.fixture(scope="session")
def corpora_manifest(corpora: Path) -> list[dict[str, str]]:
    """The rows of the corpora's manifest: path, kind, expected PUID or verdict, and on what basis."""
    with (corpora / "MANIFEST.csv").open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))
