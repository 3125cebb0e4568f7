"""Deployments that an earlier release registered under other names: what an operator set there stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.states import Pending, Running, Scheduled
from support.archives import Archive
from support.flow_runs import installed

from flows.installation.job_records import JobRecord, record_of, recorded_run
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.orchestration.deployments import PRESERVE_DROPS, WORK_POOL, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.former_names import set_aside
from flows.orchestration.parameters import parameters_of
from flows.orchestration.run_requests import open_runs
from flows.orchestration.schedules import SLUG
from flows.submission.drop import DropRequest

pytestmark = pytest.mark.in_prefect

NIGHTLY = CronSchedule(cron="30 2 * * *", timezone="UTC")
THEIRS = CronSchedule(cron="0 5 * * *", timezone="UTC")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Archive:
    """An installation that these tests share: of another one, everything is registered anew."""
    return installed(tmp_path_factory.mktemp("former") / "archive", prefect_url)


def register(archive: Archive) -> tuple[str, ...]:
    return register_deployments(load_settings(archive.directory), PrefectApi(archive.api_url))


def registered_as(full_name: str, archive: Archive, client: SyncPrefectClient, *, ours: bool = True) -> UUID:
    """Register it as Muniment 0.1.0 did, with an operator's schedule and limit; remove today's."""
    flow, _, name = full_name.partition("/")
    with suppress(ObjectNotFound):
        client.delete_deployment(client.read_deployment_by_name(f"{flow}/{flow} {name}").id)
    return client.create_deployment(
        client.create_flow_from_name(flow),
        name,
        version="0.1.0-0",
        work_pool_name=WORK_POOL,
        parameters={"directory": str(archive.directory)},
        concurrency_limit=2,
        schedules=[
            DeploymentScheduleCreate(schedule=NIGHTLY, active=ours, slug=SLUG),
            DeploymentScheduleCreate(schedule=THEIRS, active=True),
        ],
    )


def is_gone(deployment: UUID, client: SyncPrefectClient) -> bool:
    with pytest.raises(ObjectNotFound):
        client.read_deployment(deployment)
    return True


def schedules(deployment: DeploymentResponse) -> dict[str, bool]:
    return {one.schedule.cron: one.active for one in deployment.schedules}


@pytest.fixture
def clean(installation: Archive, client: SyncPrefectClient) -> Iterator[None]:
    """Other tests find the deployments of a new installation."""
    register(installation)
    yield
    for job in (Job.CLEAR, Job.SEAL_JOURNAL):
        client.delete_deployment(client.read_deployment_by_name(job.full_name).id)
    register(installation)


@pytest.mark.usefixtures("clean")
def test_a_renamed_deployment_has_the_pauses_schedules_and_limit_of_the_former_one(
    installation: Archive, client: SyncPrefectClient
):
    clear = registered_as("clear/accepted", installation, client)
    client.update_deployment(clear, DeploymentUpdate(paused=True))
    seal = registered_as("seal/journal", installation, client, ours=False)

    assert set(register(installation)) == {Job.CLEAR, Job.SEAL_JOURNAL}

    assert is_gone(clear, client)
    assert is_gone(seal, client)
    now_clear = client.read_deployment_by_name(Job.CLEAR.full_name)
    assert (now_clear.paused, schedules(now_clear)) == (True, {"30 2 * * *": True, "0 5 * * *": True})
    assert now_clear.global_concurrency_limit is not None
    assert now_clear.global_concurrency_limit.limit == 2
    now_seal = client.read_deployment_by_name(Job.SEAL_JOURNAL.full_name)
    assert not now_seal.paused
    # The time is that of the settings, the pause the operator's.
    assert schedules(now_seal) == {"15 4 * * *": False, "0 5 * * *": True}
    assert register(installation) == ()


@pytest.mark.soak
@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("paused", [False, True])
def test_a_renaming_that_was_killed_is_finished_and_no_schedule_is_there_twice(
    installation: Archive, client: SyncPrefectClient, *, paused: bool
):
    former = registered_as("clear/accepted", installation, client)
    client.update_deployment(former, DeploymentUpdate(paused=paused))
    for _ in range(2):
        # Killed here, twice.
        assert set_aside(Job.CLEAR, client) is not None
        assert client.read_deployment(former).paused

    register(installation)
    assert is_gone(former, client)
    there = client.read_deployment_by_name(Job.CLEAR.full_name)
    assert there.paused == paused

    # A service that was not upgraded yet has registered it once more.
    client.update_deployment(there.id, DeploymentUpdate(paused=True))
    again = client.create_deployment(there.flow_id, "accepted", version="0.1.0-0", work_pool_name=WORK_POOL)
    assert register(installation) == ()
    assert is_gone(again, client)
    assert client.read_deployment_by_name(Job.CLEAR.full_name).paused


@pytest.mark.soak
def test_runs_of_a_former_deployment_are_cancelled_with_the_next_step_or_go_on(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    register(installation)
    former = registered_as("preserve/drops", installation, client)
    drop = DropRequest(ledger, "files", "ledger", taken="20261121-1")
    parameters = parameters_of(installation.directory, [drop])
    late, put_off, taken, running = (
        client.create_flow_run_from_deployment(former, parameters=parameters).id for _ in range(4)
    )
    later = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(hours=1))
    for run, state in ((put_off, later), (taken, Pending()), (running, Running())):
        client.set_flow_run_state(run, state, force=True)

    register(installation)

    assert is_gone(former, client)
    for run in (late, put_off):
        ended = client.read_flow_run(run).state
        assert ended is not None
        assert ended.name == "Cancelled"
        assert "is called 'preserve drops' now; ask for it again there" in (ended.message or "")
    with open_runs(load_settings(installation.directory), PrefectApi(installation.api_url)) as runs:
        assert {run.identifier for run in runs.under_way()} == {taken, running}
    for run in (taken, running):
        client.delete_flow_run(run)
    client.delete_deployment(client.read_deployment_by_name(PRESERVE_DROPS).id)
    register(installation)


def test_the_records_of_a_job_are_found_under_the_names_that_0_1_0_gave_them(installation: Archive):
    settings = load_settings(installation.directory)
    with recorded_run(Job.VERIFY_JOURNAL, settings):
        pass
    assert (settings.state / "jobs" / "verify-journal.json").exists()
    assert record_of(Job.VERIFY_JOURNAL, settings) != JobRecord()
