"""The schedule of a deployment in Prefect: one of ours, beside those that operators add.

It is known by its slug. Operators may pause it, and schedules with another slug, or none, are theirs.
"""

from typing import Final

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES
from prefect.exceptions import ObjectNotFound

SLUG: Final = "muniment-settings"
"""What our schedule is called in a deployment."""


def given(deployment: DeploymentResponse, wanted: SCHEDULE_TYPES | None, client: SyncPrefectClient) -> bool:
    """Give the deployment the schedule of the settings, or none; return whether that changed anything.

    Raises ``httpx.HTTPError`` where Prefect does not answer.
    """
    ours = next((one for one in deployment.schedules if one.slug == SLUG), None)
    if (ours.schedule if ours else None) == wanted:
        return False
    try:
        if ours is None and wanted is not None:
            client.create_deployment_schedules(deployment.id, [(wanted, True)], slug=SLUG)
        elif ours is not None and wanted is None:
            client.delete_deployment_schedule(deployment.id, ours.id)
        elif ours is not None:
            client.update_deployment_schedule(deployment.id, ours.id, schedule=wanted)
    except ObjectNotFound:
        # Another service has just removed it.
        return False
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        # Another service has just made it.
        return False
    return True
