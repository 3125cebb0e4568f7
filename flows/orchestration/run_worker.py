"""The type of worker that serves our work pool: it hands each flow run to the fork server.

A run has no command, working directory or environment that a client of Prefect's API could name: whatever a
deployment or a run asks for as a job variable is ignored, and the run's log says so.
"""

import signal
import time
from typing import Any, Self, cast
from uuid import UUID

from anyio.abc import TaskStatus
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows.orchestration.deployments import JOB_TEMPLATE, WORK_POOL, WORKER_TYPE
from flows.orchestration.runner.run_processes import RunProcesses

_SORT = FlowRunSort.EXPECTED_START_TIME_ASC
_GRACE_SECONDS = 10.0
"""So long a run that is cancelled has to end by itself."""


class RunConfiguration(BaseJobConfiguration):
    """How a run is started: like every other. ``ignored`` are the job variables that were asked for."""

    ignored: tuple[str, ...] = ()

    @classmethod
    async def from_template_and_values(  # noqa: D102  Prefect's
        cls,
        base_job_template: dict[str, Any],  # noqa: ARG003
        values: dict[str, Any],
        client: PrefectClient | None = None,  # noqa: ARG003
    ) -> Self:
        return cls(ignored=tuple(sorted(values)))


class RunWorker(BaseWorker[RunConfiguration, BaseVariables, BaseWorkerResult]):
    """A worker whose runs are forks of one warm process. At most ``limit`` go on beside each other."""

    type = WORKER_TYPE
    job_configuration = RunConfiguration
    _description = "Runs Muniment's flows; started by `muniment up` and `muniment worker`."

    def __init__(self, processes: RunProcesses, name: str, limit: int) -> None:
        # What is due now is taken now; everything else is for whichever worker is free then.
        super().__init__(
            WORK_POOL, name=name, limit=limit, prefetch_seconds=0, create_pool_if_not_found=False
        )
        self._processes = processes
        self._cancelled: dict[UUID, float] = {}

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:  # noqa: D102  Prefect's
        return JOB_TEMPLATE

    @property
    def in_hand(self) -> set[UUID]:
        """The runs that this worker has taken and that have not ended."""
        return cast("set[UUID]", set(self.limiter.statistics().borrowers))

    async def run(
        self,
        flow_run: FlowRun,
        configuration: RunConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Run the flow run to its end in a process of its own, and return how that ended."""
        if configuration.ignored:
            self.get_flow_run_logger(flow_run).warning(
                "ignored, as Muniment's worker knows no job variables: %s", ", ".join(configuration.ignored)
            )
        pid = await self._processes.begin(flow_run.id)
        if task_status is not None:
            task_status.started(pid)
        status = await self._processes.ended(flow_run.id)
        if self._cancelled.pop(flow_run.id, None) is not None:
            # Asked to end, it may have reported that it crashed.
            cancelled: State[None] = Cancelled(
                message="It was cancelled. Run again, it goes on from where it was."
            )
            await self.client.set_flow_run_state(flow_run.id, cancelled, force=True)
            status = 0
        return BaseWorkerResult(status_code=status, identifier=str(pid))

    async def end_cancelled(self) -> None:
        """End the runs in hand that were cancelled in Prefect. To be called every second or so.

        Prefect's own class ends none that has begun. Raises ``httpx.HTTPError`` where Prefect is away.
        """
        moment = time.monotonic()
        self._cancelled = {run: at for run, at in self._cancelled.items() if run in self.in_hand}
        for run, at in self._cancelled.items():
            if moment - at > _GRACE_SECONDS:
                self._processes.send_signal(run, signal.SIGKILL)
        asked = self.in_hand - self._cancelled.keys()
        if not asked:
            return
        state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING]))
        of_them = FlowRunFilter(id=FlowRunFilterId(any_=list(asked)), state=state)
        for found in await self.client.read_flow_runs(flow_run_filter=of_them, sort=_SORT, limit=len(asked)):
            self._cancelled[found.id] = moment
            self._processes.send_signal(found.id, signal.SIGTERM)

    def end_runs(self) -> None:
        """Ask every run to end: it reports that to Prefect, and goes on from there another time."""
        for run in self.in_hand:
            self._processes.send_signal(run, signal.SIGTERM)
