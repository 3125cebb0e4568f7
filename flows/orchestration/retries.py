"""Trying again: the error says whether it may help, the settings say how often and how long to wait."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.installation.settings import RetrySettings
from preservation.errors import PreservationError


def waits_of_stage(stage: str, retries: RetrySettings) -> list[float]:
    """Return how many seconds to wait before each further try of a stage."""
    match stage:
        case "package" | "replicate":
            # Packaging reads in the stores what a further version builds on.
            return list(retries.stores)
        case "register":
            return list(retries.database)
        case _:
            return list(retries.local_work)


async def as_the_error_says(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry only what says of itself that it may succeed later."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, PreservationError) and error.retryable
