"""The names of upcoming scheduled runs: Prefect's scheduler gives each a random one until it begins."""

from typing import Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.exceptions import ObjectNotFound

from flows.installation.jobs import Job
from flows.orchestration.client import runs_in

_OF_JOBS: Final = DeploymentFilter(name=DeploymentFilterName(any_=list(Job)))
_MOST: Final = 200
"""Those that come after them are named once these began."""


def name_upcoming(client: SyncPrefectClient) -> None:
    """Give the runs that schedules are to begin the names of their jobs.

    Raises ``httpx.HTTPError`` where Prefect does not answer.
    """
    jobs = {
        one.id: one.name
        for one in client.read_deployments(
            deployment_filter=_OF_JOBS, sort=DeploymentSort.NAME_ASC, limit=_MOST
        )
    }
    for run in client.read_flow_runs(
        flow_run_filter=runs_in([StateType.SCHEDULED]),
        deployment_filter=_OF_JOBS,
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=_MOST,
    ):
        name = jobs.get(run.deployment_id) if run.deployment_id else None
        if run.auto_scheduled and name and run.name != name:
            try:
                client.update_flow_run(run.id, name=name)
            except ObjectNotFound:
                # The scheduler has just replaced it.
                continue
