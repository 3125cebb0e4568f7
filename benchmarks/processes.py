"""What the kernel has counted of a process, from its start to now. All raise ``OSError`` where it is gone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Places in ``/proc/PID/stat`` behind the name, ``proc(5)``: utime and stime."""


def cpu_seconds(process: int) -> float:
    """Return the processor time of all its threads, to a hundredth of a second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS


def peak_memory(process: int) -> int:
    """Return the most bytes that it had in memory at once, pages that others share with it and all."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def tree_of(process: int) -> list[int]:
    """Return the process and all below it; nothing of what is gone meanwhile."""
    tree = [process]
    for number in tree:
        for children in Path(f"/proc/{number}/task").glob("*/children"):
            with suppress(OSError):
                tree.extend(map(int, children.read_text().split()))
    return tree
