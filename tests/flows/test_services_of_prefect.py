"""What users count on of Prefect's server works with the settings that spare the machine at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.automations import Automation, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.actions import CancelFlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled
from services.compose import free_port
from support.archives import share_secret

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.orchestration.server import served

_PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def served_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a server as ``muniment up`` starts it."""
    directory = tmp_path_factory.mktemp("served") / "archive"
    make_installation(directory)
    share_secret(directory)
    settings = load_settings(directory)
    port = settings.prefect.model_copy(update={"port": free_port()})
    with served(settings.model_copy(update={"prefect": port})) as api:
        yield api.url


@contextmanager
def a_client(url: str) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        yield client


def a_deployment(client: SyncPrefectClient, schedules: list[DeploymentScheduleCreate]) -> UUID:
    flow = client.create_flow_from_name(f"flow-{uuid4()}")
    return client.create_deployment(flow, f"deployment-{uuid4()}", schedules=schedules)


def wait_for(seen: Callable[[], bool]) -> None:
    """Wait until it is seen; a busy machine is given time."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_deployment_with_a_schedule_gets_its_runs(served_url: str):
    with a_client(served_url) as client:
        yearly = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 0 1 1 *"), active=True)
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[a_deployment(client, [yearly])]))

        def scheduled() -> list[FlowRun]:
            soonest = FlowRunSort.EXPECTED_START_TIME_ASC
            return client.read_flow_runs(deployment_filter=of_it, sort=soonest, limit=10)

        wait_for(lambda: bool(scheduled()))
        assert all(run.auto_scheduled for run in scheduled())


def test_a_run_that_no_worker_takes_is_late_and_an_automation_of_an_operator_acts_on_that(served_url: str):
    with a_client(served_url) as client:
        due = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=5))
        run = client.create_flow_run_from_deployment(a_deployment(client, []), state=due)
        automation = Automation(
            name=f"late {run.id}",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Late"},
                match={"prefect.resource.id": f"prefect.flow-run.{run.id}"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[CancelFlowRun()],
        ).create()

        wait_for(lambda: client.read_flow_run(run.id).state_type is StateType.CANCELLED)
        automation.delete()
        # What was seen of it is kept, for the run's page.
        named = {"filter": {"any_resource": {"id": [f"prefect.flow-run.{run.id}"]}}}

        def events() -> set[str]:
            return {
                one["event"] for one in client._client.post("/events/filter", json=named).json()["events"]
            }

        wait_for(lambda: {"prefect.flow-run.Late", "prefect.flow-run.Cancelled"} <= events())
