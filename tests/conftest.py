"""What every test may ask for."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_urlsafe

import pytest
from hypothesis import settings as hypothesis_settings
from services import ceph, clamav, postgres
from support import hostile_trees
from support.archives import NO_PREFECT, Archive, make_archive, share_secret
from support.costs import Budgets, Costs
from support.order import Order
from support.shared_cages import SharedCages

from flows.installation import wiring
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.orchestration import environment
from flows.orchestration.environment import LOOPBACK_AUTHORITY
from flows.orchestration.server import prefect_api
from preservation.identification.caged import identifying_workers
from preservation.tools.workers import CagedWorkers

_SCHEDULER = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT1S",
}
"""No test waits for a minute until a schedule is seen; and of each, a few runs are made and not an hour's."""

PROJECT = Path(__file__).resolve().parent.parent

# Of the session's Prefect. Whatever imports Prefect finds it there, as the processes of a service do.
os.environ["PREFECT_API_AUTH_STRING"] = f"muniment:{token_urlsafe(32)}"
os.environ["PREFECT_API_SSL_CERT_FILE"] = str(LOOPBACK_AUTHORITY)

# A busy machine is no fault of what is tested; pytest's own timeout ends what hangs.
hypothesis_settings.register_profile("muniment", deadline=None)
hypothesis_settings.load_profile("muniment")


NO_CORPORA = "the third-party corpora are absent"


def pytest_configure(config: pytest.Config) -> None:
    """Put tests in order, measure each, and hold each file of tests to its budget."""
    budgets = Budgets.read(PROJECT / "tests" / "budgets.toml")
    config.pluginmanager.register(Costs(budgets), "costs")
    config.pluginmanager.register(Order(budgets), "order")
    # Each worker collects thousands of tests: searched for cycles meanwhile, they take a third longer.
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from here on, but not among what was collected, which stays."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """State how many tests the absence of the corpora has cost."""
    absent = sum(NO_CORPORA in str(report.longrepr) for report in terminalreporter.getreports("skipped"))
    if absent:
        terminalreporter.write_line(
            f"{absent} conformance tests did not run: {NO_CORPORA}; set MUNIMENT_CORPORA to where they are."
        )


def pytest_sessionfinish() -> None:
    """Let go of the S3 service, where a test has used it."""
    ceph.let_go()


@pytest.fixture(scope="session", autouse=True)
def shared_cages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have what this process opens of an installation share its caged processes."""
    cages = SharedCages(tmp_path_factory.getbasetemp())
    with cages.lent():
        yield
    cages.close()


@pytest.fixture
def own_cages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every installation that the test opens start caged processes of its own."""
    monkeypatch.setattr(wiring, "identifying_workers", identifying_workers)
    monkeypatch.setattr(wiring, "CagedWorkers", CagedWorkers)


@pytest.fixture(scope="session")
def new_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that keeps nothing: made once, and only copied.

    Copies have one key, and stores of one identity. A test that needs another archive makes it.
    """
    directory = tmp_path_factory.mktemp("new") / "archive"
    make_installation(directory)
    return directory


@pytest.fixture
def settings(new_installation: Path, tmp_path: Path) -> Settings:
    """The settings of a new installation, without a channel for alarms."""
    return load_settings(shutil.copytree(new_installation, tmp_path / "archive"))


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[hostile_trees.Deep]:
    """What makes folders of any depth. The test's folder is removed afterwards: pytest could not do it."""
    yield hostile_trees.deep
    subprocess.run(["rm", "-rf", tmp_path], check=True)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Third-party files with known truth; a test that asks for them is skipped where they are absent."""
    # Where a link leads there: what is identified is opened through none.
    root = Path(os.environ.get("MUNIMENT_CORPORA", PROJECT.parent / "shared" / "corpora")).resolve()
    if not (root / "MANIFEST.csv").is_file():
        pytest.skip(f"{NO_CORPORA}: not at {root}")
    return root


@pytest.fixture(scope="session")
def corpora_manifest(corpora: Path) -> list[dict[str, str]]:
    """The rows of the corpora's manifest: path, kind, expected PUID or verdict, and on what basis."""
    with (corpora / "MANIFEST.csv").open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A real PostgreSQL server for the session: ask it for a new database."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def clamd() -> Iterator[clamav.Scanner]:
    """A real clamd for the session, with official signatures of yesterday: not to be stopped."""
    with clamav.scanning() as scanner:
        yield scanner


@pytest.fixture(scope="session")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server for the session, and the URL of its API."""
    directory = tmp_path_factory.mktemp("prefect") / "archive"
    make_installation(directory)
    share_secret(directory)
    with ExitStack() as until_the_end:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(environment, "_AT_REST", {**environment._AT_REST, **_SCHEDULER})
            api = until_the_end.enter_context(prefect_api(load_settings(directory)))
        yield api.url


@pytest.fixture
def api_url(request: pytest.FixtureRequest) -> str:
    """The session's Prefect for what is marked ``in_prefect`` or ``soak``; else where nobody answers."""
    if {"in_prefect", "soak"}.isdisjoint(mark.name for mark in request.node.iter_markers()):
        return NO_PREFECT
    found: str = request.getfixturevalue("prefect_url")
    return found


@pytest.fixture
def archive(tmp_path: Path, api_url: str) -> Archive:
    """An installation of its own, made by the command."""
    return make_archive(tmp_path / "archive", api_url)
