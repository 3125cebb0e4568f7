"""How Prefect's clients in this process reach an API."""

from typing import Any

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.settings.legacy import Setting

from flows.orchestration.environment import PrefectApi


def client_settings(api: PrefectApi) -> dict[Setting, Any]:
    """Return Prefect's settings for clients of ``api``, for ``temporary_settings``."""
    return {PREFECT_API_URL: api.url, **({PREFECT_API_AUTH_STRING: api.auth} if api.auth else {})}
