"""The deployments of Muniment's flows: what operators start in the Prefect UI, and dispatchers over its API.

Registered by every service that starts. What stands in Prefect is left alone where it is what this version
would register, so that what an operator set beside it (a pause, a limit) stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import temporary_settings
from pydantic import BaseModel

from flows.jobs.forms import ClearParameters, RestoreParameters, VerifyParameters
from flows.orchestration.client import client_settings
from flows.parameters import PreserveParameters
from flows.scheduling.jobs import Job, schedules_of
from flows.scheduling.registering import scheduled_anew
from flows.serving import PrefectApi
from flows.settings import Settings
from flows.wiring import SOFTWARE_VERSION

WORK_POOL = "muniment"
"""The work pool whose workers run the deployments."""

PRESERVE_DROPS = "preserve/drops"
"""The deployment that preserves drops, by Prefect's full name: flow and deployment."""

RESTORE_PACKAGE = "restore/package"
"""The deployment that restores a package, by Prefect's full name."""

_POOL_TYPE = "process"
_POOL_DESCRIPTION = (
    "Runs Muniment's flows. Its workers are started by `muniment up` and `muniment worker`; pause it to let "
    "no further run begin."
)
_HAND = "python -m flows.hand"
_TAG = "muniment"


@dataclass(frozen=True, slots=True)
class _Definition:
    """A deployment as this version wants it; ``entrypoint`` is importable where it is installed.

    ``job`` is what it is to a schedule, where there can be one.
    """

    full_name: str
    entrypoint: str
    description: str
    form: type[BaseModel]
    parameters: dict[str, Any]
    job: Job | None = None

    @property
    def flow_name(self) -> str:
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.partition("/")[2]

    @property
    def content(self) -> dict[str, Any]:
        """What Prefect is told of it, apart from its name and its version."""
        return {
            "entrypoint": self.entrypoint,
            "description": self.description,
            "tags": [_TAG],
            "parameters": self.parameters,
            "parameter_openapi_schema": _schema_of(self.form),
            "enforce_parameter_schema": True,
            "work_pool_name": WORK_POOL,
            "job_variables": {"command": _HAND},
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
    schedules = schedules_of(settings)
    with temporary_settings(client_settings(api)), get_client(sync_client=True) as client:
        _see_to_pool(client)
        changed = []
        for one in _definitions(settings):
            deployment, anew = _registered(one, client)
            if scheduled_anew(deployment, schedules.get(one.job) if one.job else None, client) or anew:
                changed.append(one.full_name)
        return tuple(changed)


def _definitions(settings: Settings) -> Iterator[_Definition]:
    parameters = {"directory": str(settings.directory)}
    yield _Definition(
        PRESERVE_DROPS,
        "flows.preserve.preserve",
        "Preserves drops: survey, screen, normalize, package, replicate, read back, and answer with a "
        "receipt. A drop is left as it is. Run again after a crash it goes on where it was, and what is kept "
        "already is recognised. A run ends as *Stored* or *Already kept*; as *Rejected* (content: the "
        "receipt says what to mend); as *Interrupted* (the system: run it again); or as *Waiting* (a person "
        "is asked: run it again with who approves, and why).",
        PreserveParameters,
        parameters,
    )
    yield _Definition(
        Job.CLEAR,
        "flows.jobs.clear.clear",
        "Removes drops from accepted/ that are there for longer than their policy's accepted_days, each only "
        "where it is unchanged and as many replicas of its package as the policy asks for were read back "
        "just before. The removal stands in the journal. A run ends as *Cleared* or *Nothing due*; as "
        "*Stays* (something that was due had to stay: the table says why); or as *Interrupted* (the system).",
        ClearParameters,
        parameters,
        Job.CLEAR,
    )
    yield _Definition(
        Job.VERIFY_JOURNAL,
        "flows.jobs.verify.verify",
        "Checks that no entry of the journal was altered, dropped, moved, put in or cut off since it was "
        "written, also against the signed heads in every store. Changes nothing. A run ends as *Intact*; as "
        "*Broken*, which is an alarm too; or as *Interrupted* (the system).",
        VerifyParameters,
        parameters,
        Job.VERIFY_JOURNAL,
    )
    yield _Definition(
        RESTORE_PACKAGE,
        "flows.jobs.restore.restore",
        "Restores the originals of a kept object, or the whole bag, into a folder that the worker can write "
        "to; every byte is compared as it lands, and nothing is overwritten. A run ends as *Restored*; as "
        "*Incomplete* (some file could be had from no store); as *Refused* (no such object, or something is "
        "in the way: the message says what); or as *Interrupted* (the system).",
        RestoreParameters,
        parameters,
    )


def _see_to_pool(client: SyncPrefectClient) -> None:
    try:
        client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=WORK_POOL, type=_POOL_TYPE, description=_POOL_DESCRIPTION)
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            # Another service has just made it.
            return


def _registered(definition: _Definition, client: SyncPrefectClient) -> tuple[DeploymentResponse, bool]:
    """Return the deployment as it is registered now, and whether it was changed for that."""
    try:
        there: DeploymentResponse = client.read_deployment_by_name(definition.full_name)
    except ObjectNotFound:
        flow_id = client.create_flow_from_name(definition.flow_name)
        client.create_deployment(flow_id, definition.name, version=definition.version, **definition.content)
        return client.read_deployment_by_name(definition.full_name), True
    if there.version == definition.version:
        return there, False
    client.update_deployment(there.id, DeploymentUpdate(version=definition.version, **definition.content))
    return there, True


def _schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """Return the form's schema as Prefect's UI reads it: definitions by that name, fields in their order."""
    schema = form.model_json_schema(ref_template="#/definitions/{model}")
    schema["definitions"] = schema.pop("$defs", {})
    for position, field in enumerate(schema["properties"].values()):
        field["position"] = position
    return schema
