"""How much memory a process and all below it take together, and how much disk, while they run."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.processes import tree_of

_EVERY_SECONDS = 0.2
_PAGE = os.sysconf("SC_PAGESIZE")


class Footprint:
    """Looks, several times a second, at a tree of processes and a folder. Use as a context.

    ``memory`` is the most bytes that all processes took at once, each shared page counted once;
    ``disk`` the most bytes that the folder had more than at the beginning, but for what is ``apart``.
    """

    def __init__(self, process: int, folder: Path, apart: frozenset[Path]) -> None:
        self.memory = 0
        self.disk = 0
        self._process = process
        self._folder = folder
        self._apart = apart
        self._before = _size_of(folder, apart)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.memory = max(self.memory, sum(map(_memory_of, tree_of(self._process))))
            self.disk = max(self.disk, _size_of(self._folder, self._apart) - self._before)


def _memory_of(process: int) -> int:
    """Return the process's share of the pages it has; all of them where its share is nobody's business."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    return 0


def _size_of(folder: Path, apart: frozenset[Path]) -> int:
    size = 0
    for place, below, names in os.walk(folder):
        here = Path(place)
        below[:] = [name for name in below if here / name not in apart]
        for name in names:
            with suppress(OSError):
                size += (here / name).lstat().st_blocks * 512
    return size
