"""Prefect's own process worker on our work pool: it asks for runs, lets them run, and ends in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import httpx
from anyio.to_thread import run_sync
from prefect.workers.process import ProcessWorker

from flows.handing.hands import Hands
from flows.installation.settings import Settings
from flows.lost_runs import LostRuns
from flows.orchestration.deployments import WORK_POOL, register_deployments
from flows.orchestration.server import PrefectApi

_QUERY_SECONDS = 0.5
_LONGEST_PAUSE = 10.0
_LOOK_SECONDS = 0.2
_SYNC_SECONDS = 30.0
_KILLED_SECONDS = 2.0
_END_SECONDS = 10.0

_FAULTS = (httpx.HTTPError, OSError, ValueError)
"""What may come of asking Prefect, which may answer with no JSON, or of a look into ``state/``."""


class Polling:
    """A worker's life: polling until it is asked to stop, then draining, then the end.

    ``say`` tells operators. Asked to stop once, it takes no further run and lets those that go on go on for
    ``settings.service.drain_seconds``; asked twice, it ends them at once.
    """

    def __init__(
        self,
        settings: Settings,
        api: PrefectApi,
        hands: Hands,
        worker: ProcessWorker,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._api = api
        self._hands = hands
        self._lost = LostRuns(hands.folder)
        self._worker = worker
        self._say = say
        self._asked_to_stop = 0
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()

    async def live(self) -> None:
        """Work until told to stop by SIGTERM or SIGINT, and until the runs have ended after that."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        async with self._worker:
            await run_sync(self._hands.wait_until_warm)
            with suppress(*_FAULTS):
                await self._lost.tell_of_never_begun(self._worker.client, self._worker.name)
            self._say(f"worker {self._worker.name} is ready")
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._now_and_then, self._sync, _SYNC_SECONDS)
                beside.start_soon(self._now_and_then, self._tell_of_killed, _KILLED_SECONDS)
                await self._poll()
                await self._drain()
                beside.cancel_scope.cancel()
            if self._runs:
                await self._end_runs()

    @property
    def _runs(self) -> int:
        return int(self._worker.limiter.borrowed_tokens)

    def _ask_to_stop(self) -> None:
        self._asked_to_stop += 1
        (self._stopping if self._asked_to_stop == 1 else self._hurried).set()

    async def _poll(self) -> None:
        """Ask for runs as long as there is room for one; where Prefect is away, until it is back."""
        pause = _QUERY_SECONDS
        while not self._stopping.is_set():
            # Without a warm process a run takes longer to begin, and no more.
            with suppress(OSError):
                self._hands.keep_warm()
            try:
                if self._worker.limiter.available_tokens:
                    await self._worker.get_and_submit_flow_runs()
                if pause != _QUERY_SECONDS:
                    self._say("Prefect answers again")
                    # It may be another one than before.
                    await run_sync(register_deployments, self._settings, self._api)
                    await self._worker.sync_with_backend()
                    pause = _QUERY_SECONDS
            except _FAULTS as error:
                if pause == _QUERY_SECONDS:
                    self._say(
                        f"Prefect at {self._api.url} does not answer ({type(error).__name__}); "
                        "it is asked until it does"
                    )
                pause = min(2 * pause, _LONGEST_PAUSE)
            await _either(pause, self._stopping)

    async def _now_and_then(self, tell: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Tell Prefect something again and again: that this worker lives, how runs ended unnoticed.

        What stands in the way is told once, for as long as it is the same.
        """
        trouble = ""
        while True:
            found = ""
            try:
                await tell()
            except httpx.TransportError:
                # That it is away is told by whoever asks for runs.
                found = trouble
            except _FAULTS as error:
                found = f"Prefect at {self._api.url} cannot be told how runs ended, or that this worker lives"
                found = f"{found} ({type(error).__name__}: {error}); it is tried again"
            if found and found != trouble:
                self._say(found)
            trouble = found
            await anyio.sleep(seconds)

    async def _sync(self) -> None:
        await self._worker.sync_with_backend()
        await self._lost.tell(self._worker.client)

    async def _tell_of_killed(self) -> None:
        await self._lost.tell_of_killed(self._worker.client)

    async def _drain(self) -> None:
        seconds = self._settings.service.drain_seconds
        if self._runs:
            self._say(
                f"stopping: {self._runs} under way may go on for up to {seconds:.0f} s; "
                "stop it again to end them now, they go on later where they were"
            )
        with anyio.move_on_after(seconds):
            while self._runs and not self._hurried.is_set():
                await _either(_LOOK_SECONDS, self._hurried)

    async def _end_runs(self) -> None:
        """End what is left, let Prefect be told, and leave what does not end by itself to be killed."""
        self._hands.end_runs()
        with anyio.move_on_after(_END_SECONDS):
            while self._runs:  # noqa: ASYNC110  Prefect counts its runs, and tells nobody
                await anyio.sleep(_LOOK_SECONDS)
        if self._runs:
            raise _NotEndedError


class _NotEndedError(Exception):
    """Runs go on that were asked to end; raised within the worker, it kills them."""


def poll(
    settings: Settings, api: PrefectApi, hands: Hands, name: str, at_a_time: int, say: Callable[[str], None]
) -> None:
    """Register the deployments and work until stopped; ``at_a_time`` runs go on beside each other.

    Raises ``httpx.HTTPError`` where Prefect does not answer at the start.
    """
    for changed in register_deployments(settings, api):
        say(f"registered the deployment {changed}")
    worker = ProcessWorker(
        WORK_POOL,
        name=name,
        # What is due now is taken now; everything else is for whoever is free then.
        prefetch_seconds=0,
        limit=at_a_time,
        create_pool_if_not_found=False,
    )

    async def live() -> None:
        await Polling(settings, api, hands, worker, say).live()

    with suppress(_NotEndedError):
        asyncio.run(live())


async def _either(seconds: float, event: asyncio.Event) -> None:
    """Wait that long, or until ``event``."""
    with anyio.move_on_after(seconds):
        await event.wait()
