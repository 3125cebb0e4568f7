"""How Prefect's clients in this process reach an API, and which runs they ask for."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.settings.legacy import Setting
from prefect.states import Cancelled, Crashed

from flows.orchestration.environment import PrefectApi


def client_settings(api: PrefectApi) -> dict[Setting, Any]:
    """Return Prefect's settings for clients of ``api``, for ``temporary_settings``."""
    return {PREFECT_API_URL: api.url, **({PREFECT_API_AUTH_STRING: api.auth} if api.auth else {})}


def runs_in(states: Iterable[StateType], among: Iterable[UUID] | None = None) -> FlowRunFilter:
    """Return the filter for the runs in one of ``states``, where ``among`` is given only for those of it."""
    wanted = {"state": {"type": {"any_": list(states)}}, "id": {"any_": list(among)} if among else None}
    return FlowRunFilter.model_validate(wanted)


_PAGE = 200


def cancel_runs(client: SyncPrefectClient, states: Iterable[StateType], message: str, **among: Any) -> None:  # noqa: ANN401  Prefect's filters
    """End the runs in one of ``states``, with ``message``; ``among`` which, is by filters of Prefect's.

    Raises ``httpx.HTTPError`` where Prefect does not answer.
    """
    sort = FlowRunSort.EXPECTED_START_TIME_ASC
    while runs := client.read_flow_runs(flow_run_filter=runs_in(states), sort=sort, limit=_PAGE, **among):
        for run in runs:
            client.set_flow_run_state(run.id, Cancelled(message=message), force=True)


_UNENDED = [StateType.RUNNING, StateType.PENDING]
_MOST_TASKS = 200
"""A run has about a dozen."""


async def end_tasks_of(client: PrefectClient, run: UUID) -> None:
    """End the task runs of a flow run whose process is gone: they report nothing any more.

    Raises ``httpx.HTTPError`` where Prefect does not answer.
    """
    unended = TaskRunFilter.model_validate({"state": {"type": {"any_": _UNENDED}}})
    of_run = FlowRunFilter.model_validate({"id": {"any_": [run]}})
    for task in await client.read_task_runs(
        flow_run_filter=of_run, task_run_filter=unended, sort=TaskRunSort.ID_DESC, limit=_MOST_TASKS
    ):
        ended: State[None] = Crashed(message="The process of its run is gone.")
        await client.set_task_run_state(task.id, ended, force=True)
