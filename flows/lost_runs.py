"""Runs that Prefect takes to go on though nobody works on them: their worker was killed, or is out of reach.

Prefect itself never finds out: such a run would be shown as running for ever, and hold its place in every
limit. Every worker looks for them; what it finds is told as *Crashed*, or as *Cancelled* where somebody was
cancelling it, and can be asked for again.

All times are Prefect's own, that of now too: the clock of a worker's machine may be wrong.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator, Callable
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
from prefect.states import Cancelled, Crashed
from prefect.utilities.engine import propose_state

from flows.handing.unfinished import ended_unnoticed, goes_on_here
from flows.orchestration.deployments import WORK_POOL

_NEVER_BEGUN_AFTER = timedelta(minutes=2)
"""A worker sets a run to pending when it has room for it, and starts it within seconds."""

_GONE_AFTER = timedelta(minutes=5)
"""A worker says every half minute that it lives."""

_BREAK_SECONDS = 90.0
"""Between two looks that Prefect answered there is half a minute; with so much, it was away in between."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_PAGE = 200
"""As many as Prefect tells of at a time."""

_STATES = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_WORKER_LABEL = "prefect.worker.name"
_NOTHING_LOST = "Nothing is lost: what it had in hand is gone on with when it is run again."
_KILLED = f"The process that worked on it was killed. {_NOTHING_LOST}"
_NEVER_BEGUN = "Its worker was killed before the run began. It is to be run again."
_GONE = f"Its worker has not been heard of for five minutes. {_NOTHING_LOST}"
_CANCELLED = f"It was cancelled, and nobody works on it any more. {_NOTHING_LOST}"


def _since_boot() -> float:
    """Return seconds on a clock that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LostRuns:
    """Looks for lost runs, for one worker. ``hands`` is the folder in which this machine's runs are noted."""

    def __init__(self, hands: Path, clock: Callable[[], float] = _since_boot) -> None:
        self._hands = hands
        self._clock = clock
        self._in_touch_since = 0.0
        self._looked_at = float("-inf")

    async def tell(self, client: PrefectClient) -> None:
        """Tell Prefect of every lost run that can be seen from here.

        To be called each half minute, when Prefect has just been told that this worker lives. Raises
        ``httpx.HTTPError`` where Prefect does not answer; then the rest is found the next time.
        """
        await self.tell_of_killed(client)
        async for run, reason in self._lost(client):
            await _end(client, run, reason)

    async def tell_of_killed(self, client: PrefectClient) -> None:
        """Tell Prefect of the runs of this machine whose process was killed; where none was, ask it nothing.

        To be called each few seconds. Raises as ``tell`` does.
        """
        for name in ended_unnoticed(self._hands):
            run = await _read_run(client, name)
            # Run again by a worker elsewhere, it is that one's, whatever was left here.
            if run is not None and _may_be_of_this_machine(_worker_of(run)):
                await _end(client, run, _KILLED)

    async def tell_of_never_begun(self, client: PrefectClient, worker: str) -> None:
        """Tell Prefect of runs that somebody before this ``worker`` was given and did not begin.

        To be called before this worker is given any. Where other workers live, such a run may be one of
        theirs, and is left to ``tell``. Raises as that does.
        """
        workers = await client.read_workers_for_work_pool(WORK_POOL, offset=0, limit=_PAGE)
        heard_of = {one.name: one.last_heartbeat_time for one in workers if one.last_heartbeat_time}
        moment = heard_of.pop(worker, None)
        if moment is None or any(moment - at <= _GONE_AFTER for at in heard_of.values()):
            return
        for run in await _read_runs(client, [StateType.PENDING]):
            await _end(client, run, _NEVER_BEGUN)

    async def _lost(self, client: PrefectClient) -> AsyncIterator[tuple[FlowRun, str]]:
        heard_of = {
            worker.name: worker.last_heartbeat_time
            for worker in await client.read_workers_for_work_pool(WORK_POOL, offset=0, limit=_PAGE)
            if worker.last_heartbeat_time is not None
        }
        in_touch = self._is_in_touch()
        if not heard_of:
            return
        # This worker has just been heard of.
        moment = max(heard_of.values())
        for run in await _read_runs(client, _STATES):
            if run.state is None:
                continue
            worker = _worker_of(run)
            gone = bool(worker) and in_touch and moment - heard_of.get(worker, _NEVER) > _GONE_AFTER
            if run.state.is_pending() and moment - run.state.timestamp > _NEVER_BEGUN_AFTER:
                yield run, _NEVER_BEGUN
            elif run.state.is_running() and gone:
                yield run, _GONE
            elif run.state.is_cancelling() and (gone or self._has_no_process(run, worker)):
                yield run, _CANCELLED

    def _is_in_touch(self) -> bool:
        """Say whether Prefect has answered for so long that every worker that lives had time to say so."""
        moment = self._clock()
        if moment - self._looked_at > _BREAK_SECONDS:
            self._in_touch_since = moment
        self._looked_at = moment
        return moment - self._in_touch_since >= _GONE_AFTER.total_seconds()

    def _has_no_process(self, run: FlowRun, worker: str) -> bool:
        """Say whether it is known that nobody works on the run: a worker of this machine had it."""
        return _is_of_this_machine(worker) and not goes_on_here(self._hands, str(run.id))


def _worker_of(run: FlowRun) -> str:
    """Return the name of the worker that was given it last; empty where that is not known."""
    return str(run.labels.get(_WORKER_LABEL, ""))


def _is_of_this_machine(worker: str) -> bool:
    return re.fullmatch(rf"{re.escape(socket.gethostname())}(-\d+)?", worker) is not None


def _may_be_of_this_machine(worker: str) -> bool:
    return not worker or _is_of_this_machine(worker)


async def _read_run(client: PrefectClient, name: str) -> FlowRun | None:
    """Return the run with that id; ``None`` where it is no id, or Prefect knows no such run."""
    try:
        identifier = UUID(name)
    except ValueError:
        return None
    with suppress(ObjectNotFound):
        return await client.read_flow_run(identifier)
    return None


async def _read_runs(client: PrefectClient, states: list[StateType]) -> list[FlowRun]:
    """Return the runs of our pool in these states; the oldest, for those that are left come the next time."""
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states))),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL])),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=_PAGE,
    )


async def _end(client: PrefectClient, run: FlowRun, reason: str) -> None:
    """Propose that the run crashed, or was cancelled; where Prefect knows of an end, that one stays."""
    if run.state is None or run.state.is_final():
        return
    # Prefect lets a run that is being cancelled end in no other way.
    state: State[None] = Cancelled(message=reason) if run.state.is_cancelling() else Crashed(message=reason)
    with suppress(Abort):
        await propose_state(client, state, flow_run_id=run.id)
