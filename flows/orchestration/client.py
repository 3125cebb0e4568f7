"""How Prefect's clients in this process reach an API, and which runs they ask for."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.settings.legacy import Setting

from flows.orchestration.environment import PrefectApi


def client_settings(api: PrefectApi) -> dict[Setting, Any]:
    """Return Prefect's settings for clients of ``api``, for ``temporary_settings``."""
    return {PREFECT_API_URL: api.url, **({PREFECT_API_AUTH_STRING: api.auth} if api.auth else {})}


def runs_in(states: Iterable[StateType], among: Iterable[UUID] | None = None) -> FlowRunFilter:
    """Return the filter for the runs in one of ``states``, where ``among`` is given only for those of it."""
    wanted = {"state": {"type": {"any_": list(states)}}, "id": {"any_": list(among)} if among else None}
    return FlowRunFilter.model_validate(wanted)
