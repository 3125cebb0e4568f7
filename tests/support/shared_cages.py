"""Caged processes that the runs of a test process share: to start one takes longer than what most are asked.

They are real, in the real cage, but for what may be opened by those that identify: the folders of all tests
instead of the drops of a run. The command and the service, as processes, have their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from flows.installation import wiring
from preservation.identification.caged import identifying_workers
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

_MOST = 3
"""Kinds that stay; a process takes 100 MB."""


class SharedCages:
    """Pools of caged processes, one for each kind of work. ``folder`` has the folders of all tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = os.getpid()
        self._pools: dict[object, CagedWorkers] = {}

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Have every installation that is opened in the context work with them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wiring, "identifying_workers", self._identifying)
            patch.setattr(wiring, "CagedWorkers", self._caged)
            yield

    def close(self) -> None:
        """End them."""
        for pool in self._pools.values():
            CagedWorkers.close(pool)
        self._pools.clear()

    def _identifying(
        self, limits: Limits, processes: int, openable: Iterable[Path], also: tuple[str, ...] = ()
    ) -> CagedWorkers:
        drops = tuple(openable)
        if all(drop.is_relative_to(self._folder) for drop in drops):
            drops = (self._folder,)
        made = partial(identifying_workers, limits, processes, drops, also)
        return self._shared(("identifying", limits, processes, drops, also), made)

    def _caged(self, limits: Limits, processes: int, preload: tuple[str, ...]) -> CagedWorkers:
        made = partial(CagedWorkers, limits, processes, preload)
        return self._shared(("caged", limits, processes, preload), made)

    def _shared(self, kind: object, made: partial[CagedWorkers]) -> CagedWorkers:
        """Return the pool of this kind; a new one in a fork, and where it works for another thread."""
        pool = self._pools.get(kind)
        if os.getpid() != self._owner or (pool is not None and pool._mapping.locked()):
            return made()
        if pool is None:
            pool = made()
            if len(self._pools) >= _MOST:
                return pool
            # Whoever opened the installation closes what it gave.
            pool.close = _stay_open  # type: ignore[method-assign]
            self._pools[kind] = pool
        return pool


def _stay_open() -> None:
    """Close nothing."""
