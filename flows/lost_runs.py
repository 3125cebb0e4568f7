"""Runs that Prefect takes to go on though nobody works on them: their worker was killed, or is out of reach.

Prefect itself never finds out: such a run would be shown as running for ever, and hold its place in every
limit. Every worker looks for them; what it finds is told as *Crashed*, and can be asked for again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Crashed
from prefect.utilities.engine import propose_state

from flows.deployments import WORK_POOL
from flows.handing.unfinished import ended_unnoticed

_NEVER_BEGUN_AFTER = timedelta(minutes=2)
"""A worker sets a run to pending when it has room for it, and starts it within seconds."""

_GONE_AFTER = timedelta(minutes=5)
"""A worker says every half minute that it lives."""

_PAGE = 200
"""As many as Prefect tells of at a time."""

_WORKER_LABEL = "prefect.worker.name"
_NOTHING_LOST = "Nothing is lost: what it had in hand is gone on with when it is run again."
_KILLED = f"The process that worked on it was killed. {_NOTHING_LOST}"
_NEVER_BEGUN = "Its worker was killed before the run began. It is to be run again."
_GONE = f"Its worker has not been heard of for five minutes. {_NOTHING_LOST}"


async def crash_lost_runs(client: PrefectClient, hands: Path) -> None:
    """Tell Prefect of every lost run that can be seen from here.

    ``hands`` is the folder in which this machine's runs are noted. Raises ``httpx.HTTPError`` where Prefect
    does not answer; then the rest is found the next time.
    """
    for name in ended_unnoticed(hands):
        with suppress(ObjectNotFound, ValueError):
            await _crash(client, await client.read_flow_run(UUID(name)), _KILLED)
    async for run, reason in _lost(client):
        await _crash(client, run, reason)


async def _lost(client: PrefectClient) -> AsyncIterator[tuple[FlowRun, str]]:
    moment = datetime.now(UTC)
    heard_of = {
        worker.name: worker.last_heartbeat_time
        for worker in await client.read_workers_for_work_pool(WORK_POOL, offset=0, limit=_PAGE)
        if worker.last_heartbeat_time is not None
    }
    for run in await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL])),
        # The next time come those that are left: the oldest are told as crashed first.
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=_PAGE,
    ):
        if run.state is None:
            continue
        heard = heard_of.get(str(run.labels.get(_WORKER_LABEL)))
        if run.state.is_pending() and moment - run.state.timestamp > _NEVER_BEGUN_AFTER:
            yield run, _NEVER_BEGUN
        elif run.state.is_running() and heard is not None and moment - heard > _GONE_AFTER:
            yield run, _GONE


async def _crash(client: PrefectClient, run: FlowRun, reason: str) -> None:
    """Propose that the run crashed; where Prefect knows of an end, that one stays."""
    if run.state is not None and run.state.is_final():
        return
    state: State[None] = Crashed(message=reason)
    with suppress(Abort):
        await propose_state(client, state, flow_run_id=run.id)
