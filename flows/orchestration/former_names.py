"""The names that deployments had in Muniment 0.1.0, in which a slash stood for the first space.

Prefect cannot rename a deployment. So another one is made, with what an operator set at the former one, which
is removed then. The former one is paused meanwhile, so that of the two only one ever asks for runs.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from flows.orchestration.client import cancel_runs

_WAS_ACTIVE, _WAS_PAUSED = "renamed", "renamed, was paused"
"""Versions of a former deployment that was set aside: whether an operator had paused it survives a kill."""


@dataclass(frozen=True, slots=True)
class FormerDeployment:
    """A deployment under its former name, set aside, and what an operator set there."""

    identifier: UUID
    set_by_operator: dict[str, Any]


def set_aside(name: str, client: SyncPrefectClient) -> FormerDeployment | None:
    """Pause what is registered under the former name of ``name``, and return it; ``None``: nothing is.

    Prefect forgets the future runs of its schedules with that. Raises ``httpx.HTTPError``.
    """
    try:
        there = client.read_deployment_by_name(name.replace(" ", "/", 1))
        if there.version in (_WAS_ACTIVE, _WAS_PAUSED):
            paused = there.version == _WAS_PAUSED
        else:
            paused = there.paused
            version = _WAS_PAUSED if paused else _WAS_ACTIVE
            client.update_deployment(there.id, DeploymentUpdate(version=version, paused=True))
    except ObjectNotFound:
        return None
    limit = there.global_concurrency_limit
    schedules = [
        DeploymentScheduleCreate(
            schedule=one.schedule,
            active=one.active,
            parameters=one.parameters,
            slug=one.slug,
            max_scheduled_runs=one.max_scheduled_runs,
        )
        for one in there.schedules
    ]
    return FormerDeployment(
        there.id,
        {
            "paused": paused,
            "schedules": schedules,
            "concurrency_limit": limit.limit if limit else None,
            "concurrency_options": there.concurrency_options,
        },
    )


def remove(former: FormerDeployment | None, name: str, client: SyncPrefectClient) -> None:
    """Remove the former deployment, and cancel its runs that have not begun: Prefect would delete them.

    Runs that have begun go on. The dispatcher asks again for what is in our queue.
    Raises ``httpx.HTTPError``.
    """
    if former is None:
        return
    cancel_runs(
        client,
        [StateType.SCHEDULED, StateType.PAUSED],
        f"Muniment was upgraded, and its deployment is called {name!r} now; ask for it again there.",
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[former.identifier])),
    )
    try:
        client.delete_deployment(former.identifier)
    except ObjectNotFound:
        # Another service has just removed it.
        return
