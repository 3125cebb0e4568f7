"""The deployments of Muniment's flows, which operators start in the Prefect UI, and dispatchers over its API.

Every service registers them when it starts. A deployment that is as this version would register it is not
changed, so that what an operator set beside it (a pause, a limit) stays.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import temporary_settings
from pydantic import BaseModel

from flows.installation.job_records import schedules_of
from flows.installation.jobs import Job, flow_name_of, full_name_of
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE_VERSION
from flows.orchestration.client import cancel_runs, client_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.former_names import FormerDeployment, remove, set_aside
from flows.orchestration.jobs.definition import entrypoint_of, job_definitions
from flows.orchestration.parameters import PreserveParameters
from flows.orchestration.schedules import given

WORK_POOL = "muniment"
"""The work pool whose workers run the deployments."""

OUR_POOL = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))

_PRESERVE = "preserve drops"

PRESERVE_DROPS = full_name_of(_PRESERVE)
"""The deployment that preserves drops, by Prefect's full name: flow and deployment."""

WORKER_TYPE = "muniment"
"""The type of the pool, and of the workers that serve it."""

JOB_TEMPLATE: dict[str, Any] = {
    # Prefect accepts no template without an entry here.
    "job_configuration": {"ignored": []},
    "variables": {"type": "object", "properties": {}},
}
"""The job variables of a run: none."""

ENTRYPOINTS = {
    "preserve": "flows.orchestration.preserve.preserve",
    **{job.flow_name: entrypoint_of(job) for job in Job},
}
"""Where each flow is imported from. Workers run no flow that is not listed here."""

_POOL_DESCRIPTION = (
    "Runs Muniment's flows. Its workers are started by `muniment up` and `muniment worker`; pause it to let "
    "no further run begin."
)
_POOL_REPLACED = "Muniment was upgraded, and its work pool replaced; ask for it again."
_TAG = "muniment"


@dataclass(frozen=True, slots=True)
class _Definition:
    """A deployment as this version wants it; ``job`` is what it is to a schedule, where there can be one."""

    name: str
    description: str
    form: type[BaseModel]
    parameters: dict[str, Any]
    job: Job | None = None

    @property
    def flow_name(self) -> str:
        return flow_name_of(self.name)

    @property
    def full_name(self) -> str:
        return full_name_of(self.name)

    @property
    def content(self) -> dict[str, Any]:
        """What is registered of it, besides its name and its version."""
        return {
            "entrypoint": ENTRYPOINTS[self.flow_name],
            "description": self.description,
            "tags": [_TAG],
            "parameters": self.parameters,
            "parameter_openapi_schema": _schema_of(self.form),
            "enforce_parameter_schema": True,
            "work_pool_name": WORK_POOL,
            "job_variables": {},
            # Nothing is fetched: the code is where Muniment is installed.
            "pull_steps": [],
        }

    @property
    def version(self) -> str:
        """Muniment's version and a digest of the content: equal where there is nothing to register."""
        content = json.dumps(self.content, sort_keys=True).encode()
        return f"{SOFTWARE_VERSION}-{sha256(content).hexdigest()[:12]}"


def register_deployments(settings: Settings, api: PrefectApi) -> tuple[str, ...]:
    """Register the work pool, every deployment and its schedule; return the names of those changed.

    Raises ``httpx.HTTPError`` where Prefect does not answer, or does not take them.
    """
    schedules = {
        job: CronSchedule(cron=one.cron, timezone=one.timezone) for job, one in schedules_of(settings).items()
    }
    with temporary_settings(client_settings(api)), get_client(sync_client=True) as client:
        definitions = list(_definitions(settings))
        former = {one.name: set_aside(one.name, client) for one in definitions}
        _make_pool(client)
        changed = []
        for one in definitions:
            deployment, anew = _registered(one, former[one.name], client)
            if given(deployment, schedules.get(one.job) if one.job else None, client) or anew:
                changed.append(one.name)
            remove(former[one.name], one.name, client)
        return tuple(changed)


def _definitions(settings: Settings) -> Iterator[_Definition]:
    parameters = {"directory": str(settings.directory)}
    yield _Definition(
        _PRESERVE,
        "Preserves drops: survey, screen, normalize, package, replicate, read back, and answer with a "
        "receipt. A drop is left as it is. Run again after a crash it goes on where it was, and what is kept "
        "already is recognised. A run ends as *Stored* or *Already kept*; as *Rejected* (content: the "
        "receipt says what to mend); as *Interrupted* (the system: run it again); or as *Waiting* (a person "
        "is asked: run it again with who approves, and why).",
        PreserveParameters,
        parameters,
    )
    for one in job_definitions():
        yield _Definition(one.job, one.description, one.form, parameters, one.job)


def _make_pool(client: SyncPrefectClient) -> None:
    pool = WorkPoolCreate(
        name=WORK_POOL, type=WORKER_TYPE, description=_POOL_DESCRIPTION, base_job_template=JOB_TEMPLATE
    )
    try:
        there = client.read_work_pool(WORK_POOL)
        if there.type == WORKER_TYPE:
            return
        pool.is_paused, pool.concurrency_limit = there.is_paused, there.concurrency_limit
        _remove_pool(client)
    except ObjectNotFound:
        pass
    try:
        client.create_work_pool(pool)
    except ObjectAlreadyExists:
        # Another service has just made it.
        return


def _remove_pool(client: SyncPrefectClient) -> None:
    """Remove the pool of Muniment 0.1.0, whose type Prefect cannot change, and end its runs.

    No worker would find them; the dispatcher asks again for what is in our queue. Raises ``ObjectNotFound``
    where another process has removed it.
    """
    cancel_runs(client, set(StateType) - TERMINAL_STATES, _POOL_REPLACED, work_pool_filter=OUR_POOL)
    client.delete_work_pool(WORK_POOL)


def _registered(
    definition: _Definition, former: FormerDeployment | None, client: SyncPrefectClient
) -> tuple[DeploymentResponse, bool]:
    """Return the deployment as it is registered now, and whether it was changed for that."""
    try:
        there: DeploymentResponse = client.read_deployment_by_name(definition.full_name)
    except ObjectNotFound:
        flow_id = client.create_flow_from_name(definition.flow_name)
        set_before = former.set_by_operator if former else {}
        client.create_deployment(
            flow_id, definition.name, version=definition.version, **definition.content, **set_before
        )
        return client.read_deployment_by_name(definition.full_name), True
    # A pool that was removed takes its name from the deployment.
    if (there.version, there.work_pool_name) == (definition.version, WORK_POOL):
        return there, False
    client.update_deployment(there.id, DeploymentUpdate(version=definition.version, **definition.content))
    return there, True


def _schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """Return the form's schema as Prefect's UI reads it: with ``definitions``, and the fields in order."""
    schema = form.model_json_schema(ref_template="#/definitions/{model}")
    schema["definitions"] = schema.pop("$defs", {})
    for position, field in enumerate(schema["properties"].values()):
        field["position"] = position
    return schema
