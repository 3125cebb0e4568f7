"""Runs that Prefect shows as running though no process works on them, since their worker died with them.

The run and its worker report the run's end to Prefect; where both are gone, Prefect would show the run as
running for ever, and count it in every limit. (Its own remedy, a heartbeat of each run and an automation,
costs a second a run.) So every worker looks for such runs and reports them as *Crashed*, or as *Cancelled*
where a user was cancelling them. They can be asked for again.

All times, also the present one, are Prefect's: the clock of a worker's machine may be wrong.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort
from prefect.states import Cancelled, Crashed
from prefect.utilities.engine import propose_state

from flows.orchestration.client import end_tasks_of, runs_in
from flows.orchestration.deployments import OUR_POOL, WORK_POOL
from flows.orchestration.run_worker import RunWorker
from flows.orchestration.runner.slots import Slot

_NEVER_BEGUN_AFTER = timedelta(minutes=2)
"""A worker sets a run to pending when it has room for it, and starts it within seconds."""

_GONE_AFTER = timedelta(minutes=5)
"""A worker sends Prefect a heartbeat every half minute."""

_BREAK_SECONDS = 90.0
"""Two searches are half a minute apart; where they are this far apart, Prefect was away in between."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_PAGE = 200
"""As many as Prefect returns at a time."""

_STATES = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_WORKER_LABEL = "prefect.worker.name"
_NOTHING_LOST = "Nothing is lost: run again, it goes on from where it was."
_NEVER_BEGUN = "Its worker was killed before the run began. It is to be run again."
_CRASHED = f"Its worker is gone. {_NOTHING_LOST}"
_CANCELLED = f"It was cancelled, and its worker is gone. {_NOTHING_LOST}"


def _since_boot() -> float:
    """Return seconds on a clock that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LostRuns:
    """Looks for lost runs, for the ``worker`` that holds ``slot``."""

    def __init__(self, worker: RunWorker, slot: Slot, clock: Callable[[], float] = _since_boot) -> None:
        self._worker = worker
        self._slot = slot
        self._clock = clock
        self._in_touch_since = 0.0
        self._searched_at = float("-inf")

    async def report(self) -> None:
        """Report the end of every lost run that can be seen from here.

        To be called each half minute, just after this worker's heartbeat, and when a worker of this machine
        has died; for the first time before this worker takes a run. Raises ``httpx.HTTPError`` where Prefect
        does not answer; what is left is found the next time.
        """
        client = self._worker.client
        workers = await client.read_workers_for_work_pool(WORK_POOL, offset=0, limit=_PAGE)
        heard = {one.name: one.last_heartbeat_time for one in workers if one.last_heartbeat_time}
        if self._worker.name in heard:
            async for run, state in self._lost(client, heard):
                with suppress(Abort):
                    # Where Prefect has recorded an end by now, that one stays.
                    await propose_state(client, state, flow_run_id=run.id)
                await end_tasks_of(client, run.id)

    async def _lost(
        self, client: PrefectClient, heard: Mapping[str, datetime]
    ) -> AsyncIterator[tuple[FlowRun, State[None]]]:
        """Yield each lost run and how it ended; ``heard`` is the time of each worker's last heartbeat."""
        moment = heard[self._worker.name]
        is_first = self._searched_at == float("-inf")
        is_in_touch = self._is_in_touch()
        dead = self._slot.dead_workers()

        def is_gone(worker: str) -> bool:
            return worker in dead or moment - heard.get(worker, _NEVER) > _GONE_AFTER

        is_alone = all(is_gone(worker) for worker in heard if worker != self._worker.name)
        patience = timedelta(0) if is_first and is_alone else _NEVER_BEGUN_AFTER
        for run in await _read_runs(client):
            if run.state is None or run.id in self._worker.in_hand:
                continue
            worker = str(run.labels.get(_WORKER_LABEL, ""))
            # A run of this worker's name that is not in hand is of an earlier worker of that name.
            is_lost = worker in {self._worker.name, *dead} or (worker and is_in_touch and is_gone(worker))
            if run.state.is_pending():
                if moment - run.state.timestamp >= patience:
                    yield run, Crashed(message=_NEVER_BEGUN)
            elif is_lost:
                # Prefect lets a run that is being cancelled end only as cancelled.
                is_cancelled = run.state.is_cancelling()
                yield run, Cancelled(message=_CANCELLED) if is_cancelled else Crashed(message=_CRASHED)

    def _is_in_touch(self) -> bool:
        """Return whether Prefect has answered for so long that every living worker had time to report."""
        moment = self._clock()
        if moment - self._searched_at > _BREAK_SECONDS:
            self._in_touch_since = moment
        self._searched_at = moment
        return moment - self._in_touch_since >= _GONE_AFTER.total_seconds()


async def _read_runs(client: PrefectClient) -> list[FlowRun]:
    """Return the runs of our pool that should be in hand; the oldest: what is left comes the next time."""
    return await client.read_flow_runs(
        flow_run_filter=runs_in(_STATES),
        work_pool_filter=OUR_POOL,
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=_PAGE,
    )
