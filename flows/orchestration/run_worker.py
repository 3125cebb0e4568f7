"""The type of worker that serves our work pool: it gives each flow run to the fork server.

A client of Prefect's API cannot name a command, a working directory or an environment for a run: the job
variables of a deployment or a run are ignored, which the run's log states.
"""

import signal
import time
from typing import Any, Self, cast
from uuid import UUID

from anyio.abc import TaskStatus
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows.orchestration.client import end_tasks_of, runs_in
from flows.orchestration.deployments import JOB_TEMPLATE, WORK_POOL, WORKER_TYPE
from flows.orchestration.runner.run_processes import RunProcesses

_GRACE_SECONDS = 10.0
"""A run that is cancelled may take so long to end by itself."""


class RunConfiguration(BaseJobConfiguration):
    """How every run is started. ``ignored`` are the job variables that were asked for."""

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
    """A worker whose runs are forks of one warm process. At most ``limit`` run at a time."""

    type = WORKER_TYPE
    job_configuration = RunConfiguration
    _description = "Runs Muniment's flows; started by `muniment up` and `muniment worker`."

    def __init__(self, processes: RunProcesses, name: str, limit: int) -> None:
        # Only what is due now is taken; any worker that is free later may take the rest.
        super().__init__(
            WORK_POOL, name=name, limit=limit, prefetch_seconds=0, create_pool_if_not_found=False
        )
        self._processes = processes
        self._cancelled: dict[UUID, float] = {}
        self._gone: set[UUID] = set()

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:  # noqa: D102  Prefect's
        return JOB_TEMPLATE

    @property
    def in_hand(self) -> set[UUID]:
        """The runs that this worker has taken and that have not ended."""
        return cast("set[UUID]", set(self.limiter.statistics().borrowers))

    async def run(
        self, flow_run: FlowRun, configuration: RunConfiguration, task_status: TaskStatus[int] | None = None
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
            # When it was asked to end, it may have reported that it crashed.
            cancelled: State[None] = Cancelled(
                message="It was cancelled. Run again, it goes on from where it was."
            )
            await self.client.set_flow_run_state(flow_run.id, cancelled, force=True)
            status = 0
            self._gone.add(flow_run.id)
        elif status:
            self._gone.add(flow_run.id)
        return BaseWorkerResult(status_code=status, identifier=str(pid))

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """Return what is due, but no run whose process has not ended yet.

        A run that was paused and is resumed at once is such a run, and Prefect offers it again later. For
        Prefect's own class it would take a second place, which raises an error that ends the worker.
        """
        due = await super()._get_scheduled_flow_runs()
        return [one for one in due if one.flow_run.id not in self.in_hand]

    async def end_cancelled(self) -> None:
        """End the runs in hand that were cancelled in Prefect, and the tasks of those whose process is gone.

        To be called every second or so.

        Prefect's own class ends no run that has begun. Raises ``httpx.HTTPError`` where Prefect is away.
        """
        for gone in tuple(self._gone):
            await end_tasks_of(self.client, gone)
            self._gone.discard(gone)
        moment = time.monotonic()
        self._cancelled = {run: at for run, at in self._cancelled.items() if run in self.in_hand}
        for run, at in self._cancelled.items():
            if moment - at > _GRACE_SECONDS:
                self._processes.send_signal(run, signal.SIGKILL)
        asked = self.in_hand - self._cancelled.keys()
        if not asked:
            return
        cancelling = runs_in([StateType.CANCELLING], asked)
        for found in await self.client.read_flow_runs(
            flow_run_filter=cancelling, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=len(asked)
        ):
            self._cancelled[found.id] = moment
            self._processes.send_signal(found.id, signal.SIGTERM)

    def end_runs(self) -> None:
        """Ask every run to end: it reports that to Prefect, and a later run resumes it."""
        for run in self.in_hand:
            self._processes.send_signal(run, signal.SIGTERM)
