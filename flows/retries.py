"""When to try again: the error says whether, the situation says how often and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from preservation.errors import PreservationError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait before each further try, in seconds; as many tries as there are waits."""

    waits: tuple[float, ...]


LOCAL_WORK = RetryPolicy((1, 5))
"""Reading, decoding, planning: what is retryable here is a program that ran out of its time."""

STORES = RetryPolicy((2, 10, 30))
"""Writing to stores: a network or a disk may come back."""

DATABASE = RetryPolicy((1, 5, 15))
"""Catalogue and journal: another writer may have held them."""


async def as_the_error_says(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry only what says of itself that it may succeed later."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, PreservationError) and error.retryable
