"""What the tests of the flow in their own process share."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from support.archives import Archive
from support.bucket_inboxes import Station, WatchedBucket
from support.flow_runs import installed, prefect_client
from support.memory_drop_bucket import Contents


@pytest.fixture
def installation(tmp_path: Path, prefect_url: str) -> Archive:
    """An installation made without the command: a second less for each test."""
    return installed(tmp_path / "archive", prefect_url)


@pytest.fixture
def client(prefect_url: str) -> SyncPrefectClient:
    return prefect_client(prefect_url)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A drop of three pages of text."""
    folder = tmp_path / "drops" / "ledger"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    return folder


@pytest.fixture
def contents() -> Contents:
    return Contents()


@pytest.fixture
def bucket(contents: Contents) -> WatchedBucket:
    return WatchedBucket(contents)


@pytest.fixture
def station(tmp_path: Path, bucket: WatchedBucket) -> Station:
    return Station(tmp_path / "ours", bucket)
