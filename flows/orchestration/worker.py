"""A worker's life: it asks Prefect for runs until it is asked to stop, lets them end, and ends."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio
import httpx
from anyio.to_thread import run_sync

from flows.installation.bell import run_bell
from flows.installation.settings import Settings
from flows.orchestration.deployments import register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.lost_runs import LostRuns
from flows.orchestration.run_worker import RunWorker
from flows.orchestration.runner.run_processes import RunProcesses
from flows.orchestration.runner.slots import Slot
from preservation.errors import UnavailableError

_QUERY_SECONDS = 0.5
_IDLE_SECONDS = 3.0
"""While nothing runs, Prefect is asked so often, and at once when the service has asked for a run."""

_LONGEST_PAUSE = 10.0
_LOOK_SECONDS = 1.0
_SYNC_SECONDS = 30.0
_WAIT_SECONDS = 0.2
_END_SECONDS = 10.0

_FAULTS = (httpx.HTTPError, OSError, ValueError)
"""What a request to Prefect may raise, also where it answers without JSON, or reading ``state/``."""


def work(
    settings: Settings,
    api: PrefectApi,
    processes: RunProcesses,
    slot: Slot,
    at_a_time: int,
    say: Callable[[str], None],
) -> None:
    """Register the deployments and work until stopped by SIGTERM or SIGINT; ``say`` notifies the operator.

    Raises ``UnavailableError`` where Prefect fails at the start.
    """
    try:
        for changed in register_deployments(settings, api):
            say(f"registered the deployment {changed}")
        worker = RunWorker(processes, slot.worker, at_a_time)
        with suppress(_NotEndedError):
            asyncio.run(WorkerLife(settings, api, processes, worker, slot, say).live())
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"Prefect at {api.url} failed ({type(error).__name__}); see that it runs, then start the "
            "worker again"
        ) from error


@dataclass
class WorkerLife:
    """What a worker does beside its runs.

    Asked to stop once, it takes no further run and lets those under way go on for as long as
    ``[service] drain_seconds`` says; asked twice, it ends them at once.
    """

    settings: Settings
    api: PrefectApi
    processes: RunProcesses
    worker: RunWorker
    slot: Slot
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self._lost = LostRuns(self.worker, self.slot)
        self._bell = run_bell(self.settings)
        self._asked_to_stop = 0
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()

    async def live(self) -> None:
        """Work until asked to stop, and until the runs have ended after that."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        async with self.worker:
            with suppress(*_FAULTS):
                # Before a run is taken: those that have this worker's name now are of an earlier worker.
                await self._lost.report()
            while not (self.processes.are_ready or self._stopping.is_set()):
                with suppress(OSError):
                    self.processes.keep_up()
                await _either(_WAIT_SECONDS, self._stopping)
            self.say(f"worker {self.worker.name} is ready")
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._look_after_runs)
                await self._poll()
                await self._drain()
                beside.cancel_scope.cancel()
            if self.worker.in_hand:
                await self._end_runs()

    def _ask_to_stop(self) -> None:
        self._asked_to_stop += 1
        (self._stopping if self._asked_to_stop == 1 else self._hurried).set()

    async def _poll(self) -> None:
        """Ask for runs as long as there is room for one; where Prefect is away, until it is back."""
        pause = _QUERY_SECONDS
        while not self._stopping.is_set():
            try:
                self.processes.keep_up()
                if self.processes.are_ready and self.worker.limiter.available_tokens:
                    await self.worker.get_and_submit_flow_runs()
                if pause != _QUERY_SECONDS:
                    self.say("Prefect answers again")
                    # It may have another database than before.
                    await run_sync(register_deployments, self.settings, self.api)
                    await self.worker.sync_with_backend()
                    pause = _QUERY_SECONDS
            except _FAULTS as error:
                if pause == _QUERY_SECONDS:
                    self.say(
                        f"Prefect at {self.api.url} does not answer ({type(error).__name__}); "
                        "it is asked until it does"
                    )
                pause = min(2 * pause, _LONGEST_PAUSE)
            await self._rest(pause)

    async def _rest(self, pause: float) -> None:
        """Wait for ``pause``; where nothing runs for longer, until this installation asks for a run."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max(pause, 0 if self.worker.in_hand else _IDLE_SECONDS)
        while (left := until - loop.time()) > 0 and not self._stopping.is_set():
            await _either(min(left, pause, _WAIT_SECONDS), self._stopping)
            if self._bell.rang():
                return

    async def _look_after_runs(self) -> None:
        """Report that this worker lives and which runs are lost, and end those that were cancelled.

        A fault is reported once, for as long as it is the same.
        """
        trouble, synced, dead = "", time.monotonic(), self.slot.dead_workers()
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            found = ""
            try:
                await self.worker.end_cancelled()
                dead, before = self.slot.dead_workers(), dead
                if dead - before or time.monotonic() - synced > _SYNC_SECONDS:
                    synced = time.monotonic()
                    await self.worker.sync_with_backend()
                    await self._lost.report()
            except httpx.TransportError:
                # That Prefect is away is reported where runs are asked for.
                found = trouble
            except _FAULTS as error:
                found = (
                    f"Prefect at {self.api.url} cannot be notified how runs ended or that this worker "
                    f"lives ({type(error).__name__}: {error}); it is tried again"
                )
            if found and found != trouble:
                self.say(found)
            trouble = found

    async def _drain(self) -> None:
        seconds = self.settings.service.drain_seconds
        if self.worker.in_hand:
            self.say(
                f"stopping: {len(self.worker.in_hand)} under way may go on for up to {seconds:.0f} s; "
                "stop it again to end them now, they go on later where they were"
            )
        with anyio.move_on_after(seconds):
            while self.worker.in_hand and not self._hurried.is_set():
                await _either(_WAIT_SECONDS, self._hurried)

    async def _end_runs(self) -> None:
        """End what is left and let it report that; what does not end by itself is killed later."""
        self.worker.end_runs()
        with anyio.move_on_after(_END_SECONDS):
            while self.worker.in_hand:  # noqa: ASYNC110  Prefect counts its runs, and notifies of none
                await anyio.sleep(_WAIT_SECONDS)
        if self.worker.in_hand:
            raise _NotEndedError


class _NotEndedError(Exception):
    """Runs that were asked to end go on; raised within the worker, it makes the worker release them."""


async def _either(seconds: float, event: asyncio.Event) -> None:
    """Wait that long, or until ``event``."""
    with anyio.move_on_after(seconds):
        await event.wait()
