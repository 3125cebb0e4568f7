"""What the tests of the flow in their own process share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from support.archives import Archive
from support.audit_runs import age
from support.bucket_inboxes import Station, WatchedBucket
from support.command_runs import NearArchive, near
from support.flow_runs import installed, prefect_client, preserved
from support.kept_object import make_ledger
from support.memory_drop_bucket import Contents

from preservation.model.verdicts import Verdict


@pytest.fixture
def installation(new_installation: Path, tmp_path: Path, api_url: str) -> Archive:
    """An installation of one's own that keeps nothing yet."""
    return Archive(shutil.copytree(new_installation, tmp_path / "archive"), api_url)


@pytest.fixture
def client(prefect_url: str) -> SyncPrefectClient:
    return prefect_client(prefect_url)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A drop of three pages of text."""
    return make_ledger(tmp_path / "drops" / "ledger")


@pytest.fixture(scope="session")
def kept_ledger(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation that keeps the ledger: made once, and only copied."""
    folder = tmp_path_factory.mktemp("kept")
    archive = installed(folder / "archive")
    assert preserved(near(archive), make_ledger(folder / "ledger")).ending.verdict is Verdict.STORED
    return archive


@pytest.fixture
def keeping(kept_ledger: Archive, tmp_path: Path, api_url: str) -> NearArchive:
    """An installation of one's own that keeps the ledger, as ``files/ledger/v1``."""
    return near(Archive(shutil.copytree(kept_ledger.directory, tmp_path / "archive"), api_url))


@pytest.fixture(scope="session")
def kept_three(kept_ledger: Archive, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation that keeps three objects, the ledger first, and has read none for a hundred days."""
    folder = tmp_path_factory.mktemp("three")
    archive = near(Archive(shutil.copytree(kept_ledger.directory, folder / "archive")))
    for name in ("middle", "newest"):
        drop = folder / "drops" / name
        drop.mkdir(parents=True)
        (drop / "page.txt").write_text(f"The {name} page\n" * 500)
        assert preserved(archive, drop).ending.verdict is Verdict.STORED
    age(archive, 100)
    return archive


@pytest.fixture
def keeping_three(kept_three: Archive, tmp_path: Path, api_url: str) -> NearArchive:
    """An installation of one's own that keeps these three, as ``files/ledger/v1`` and so on."""
    return near(Archive(shutil.copytree(kept_three.directory, tmp_path / "archive"), api_url))


@pytest.fixture(scope="session")
def kept_many_files(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation that keeps a ledger of 600 pages: what copies it can be killed midway."""
    folder = tmp_path_factory.mktemp("many")
    archive = installed(folder / "archive")
    (folder / "ledger").mkdir()
    for number in range(600):
        (folder / "ledger" / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    assert preserved(archive, folder / "ledger").ending.verdict is Verdict.STORED
    return archive


@pytest.fixture
def keeping_many_files(kept_many_files: Archive, tmp_path: Path, api_url: str) -> NearArchive:
    """An installation of one's own that keeps such a ledger, as ``files/ledger/v1``."""
    directory = shutil.copytree(kept_many_files.directory, tmp_path / "archive")
    return near(Archive(directory, api_url))


@pytest.fixture
def fresh(installation: Archive) -> NearArchive:
    """The same installation, with its command in this process."""
    return near(installation)


@pytest.fixture
def contents() -> Contents:
    return Contents()


@pytest.fixture
def bucket(contents: Contents) -> WatchedBucket:
    return WatchedBucket(contents)


@pytest.fixture
def station(tmp_path: Path, bucket: WatchedBucket) -> Station:
    return Station(tmp_path / "ours", bucket)
