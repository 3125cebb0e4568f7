"""A pool of long-lived caged processes that parse untrusted files.

One process answers thousands of requests, so a file costs no process. What one file does to its worker
is that file's outcome: the worker is replaced, and the other requests go on.
"""

import select
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Self

from preservation.errors import ToolFailedError
from preservation.tools import handed, wire
from preservation.tools.limits import Limits
from preservation.tools.work import Completed, Died, Exhausted, Refused, Request, WorkOutcome
from preservation.tools.worker_process import WorkerProcess

_LOOK_AHEAD = 8
"""How many requests for each process are on their way at once: one that is slow holds up no others."""


@dataclass(slots=True)
class _Slot:
    """One request on its way, and its outcome once there is one."""

    request: Request
    outcome: WorkOutcome | None = None


@dataclass(slots=True)
class _Batch:
    """The requests of one ``map`` on their way: all in their order, those that wait, those at work."""

    window: deque[_Slot] = field(default_factory=deque)
    waiting: deque[_Slot] = field(default_factory=deque)
    busy: dict[WorkerProcess, _Slot] = field(default_factory=dict)

    def take_in(self, request: Request) -> None:
        slot = _Slot(request)
        self.window.append(slot)
        self.waiting.append(slot)

    def take_out(self) -> Iterator[WorkOutcome]:
        """Yield the outcomes at the head of the window, as far as they are known."""
        while self.window and (outcome := self.window[0].outcome) is not None:
            self.window.popleft()
            yield outcome


class CagedWorkers:
    """Up to ``processes`` caged workers with the same ``limits``, started when they are needed.

    ``preload`` names modules to import before the first request, while the rights to read them are
    still held: those of the jobs, and what they import late. ``openable`` is for jobs that open files by
    path: the folders and files that a worker may read besides, if they are there when it starts, and
    no links.
    """

    def __init__(
        self,
        limits: Limits,
        processes: int,
        preload: tuple[str, ...] = (),
        *,
        openable: tuple[Path, ...] | None = None,
    ) -> None:
        if processes < 1:
            raise ValueError("a pool needs at least one process")
        self.limits = limits
        self.openable = openable
        self._processes = processes
        self._preload = preload
        self._idle: list[WorkerProcess] = []
        self._mapping = threading.Lock()
        # A worker is killed when the thread that started it ends (PR_SET_PDEATHSIG asks for the thread,
        # not for the process), so all are started by one thread that lives as long as the pool.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="caged-workers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers. They hold nothing that could be lost."""
        while self._idle:
            self._idle.pop().kill()
        self._starter.shutdown()

    def map(self, requests: Iterable[Request]) -> Iterator[WorkOutcome]:
        """Yield the outcome of each request, in their order, with all processes at work.

        Only a bounded number of requests is taken in advance. The outputs of a request that is not
        ``Completed`` are removed. A request that used up the memory of a worker that had served others,
        or died with it, is tried once more in a fresh one: its outcome does not depend on theirs.

        Raises ``ToolFailedError`` where the workers themselves cannot work, ``StoreFullError`` where
        there is no room for an output, and ``RuntimeError`` where another ``map`` of this pool has not
        come to its end.
        """
        if not self._mapping.acquire(blocking=False):
            raise RuntimeError("these caged workers are at work for another caller; give each its own pool")
        batch = _Batch()
        try:
            for request in requests:
                batch.take_in(request)
                self._assign(batch)
                while len(batch.window) >= self._processes * _LOOK_AHEAD:
                    self._collect(batch)
                    yield from batch.take_out()
            while batch.window:
                yield from batch.take_out()
                self._collect(batch)
        finally:
            for worker, slot in batch.busy.items():
                worker.kill()
                handed.remove_outputs(slot.request)
            self._mapping.release()

    def _assign(self, batch: _Batch) -> None:
        """Give waiting requests to workers that are free.

        One worker starts at a time: what is little is done by the first before a second has started.
        """
        while batch.waiting and len(batch.busy) < self._processes:
            if not self._idle and any(not worker.is_ready for worker in batch.busy):
                return
            slot = batch.waiting.popleft()
            with handed.opened(slot.request) as descriptors:
                if isinstance(descriptors, Refused):
                    slot.outcome = descriptors
                    continue
                worker = self._worker_for(slot.request)
                batch.busy[worker] = slot
                worker.send(slot.request, descriptors)

    def _worker_for(self, request: Request) -> WorkerProcess:
        """Return a free worker; for a request with pipes a new one, which no file can have taken over."""
        if self._idle and request.pipes:
            self._idle.pop().kill()
        elif self._idle:
            return self._idle.pop()
        return self._start()

    def _start(self) -> WorkerProcess:
        return self._starter.submit(WorkerProcess, self.limits, self._preload, self.openable).result()

    def _collect(self, batch: _Batch) -> None:
        """Wait until something has come, or the time of a request is up; settle it, and hand out new work."""
        for worker in _readable(batch.busy):
            answer = worker.receive()
            if answer is not None:
                self._settle(batch, worker, answer)
        for worker in [worker for worker in batch.busy if worker.seconds_left <= 0]:
            self._settle(batch, worker, worker.time_out())
        self._assign(batch)

    def _settle(self, batch: _Batch, worker: WorkerProcess, answer: wire.Answer | Died) -> None:
        slot = batch.busy[worker]
        outcome = _outcome(answer, slot.request)
        del batch.busy[worker]
        if not isinstance(outcome, Completed):
            handed.remove_outputs(slot.request)
        if isinstance(outcome, Died | Exhausted):
            worker.kill()
            if worker.served and not _is_its_own_doing(outcome):
                batch.waiting.appendleft(slot)
                return
        else:
            worker.served += 1
            self._idle.append(worker)
        slot.outcome = outcome


def _outcome(answer: wire.Answer | Died, request: Request) -> WorkOutcome:
    match answer:
        case wire.Unable(reason):
            raise ToolFailedError(reason)
        case wire.NoSpace():
            raise handed.no_space(request)
        case wire.Ready():
            return Died("the process no longer made sense: it said twice that it was ready")
        case outcome:
            return outcome


def _is_its_own_doing(outcome: Died | Exhausted) -> bool:
    return isinstance(outcome, Exhausted) and outcome.limit != "memory"


def _readable(workers: Iterable[WorkerProcess]) -> list[WorkerProcess]:
    """Wait for answers until the first deadline; return the workers from which something has come."""
    by_descriptor = {worker.fileno(): worker for worker in workers}
    poll = select.poll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    patience = min((worker.seconds_left for worker in by_descriptor.values()), default=0.0)
    return [by_descriptor[found] for found, _ in poll.poll(max(0, ceil(patience * 1000)))]
