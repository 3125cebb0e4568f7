"""Clocks that are wrong, for the processes that a test starts and for nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest


def set_clocks(monkeypatch: pytest.MonkeyPatch, offset: str) -> None:
    """Let every process that is started from now on live at another time; only its timers go on.

    ``offset`` is from the right time: ``-400d``, ``+2h``.
    """
    monkeypatch.setenv("LD_PRELOAD", _library())
    monkeypatch.setenv("FAKETIME", offset)
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")


_SLEEP: Final = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
"""libfaketime has Python's own refused where it leaves the monotonic clock alone."""


@dataclass(frozen=True)
class Clock:
    """The clock of the processes that are started with ``environment``; it can be set while they run."""

    environment: Mapping[str, str]
    _offset: Path

    def set(self, offset: str) -> None:
        """Set it ``offset`` from the right time: ``-400d``, ``+2h``; within a second everybody sees it."""
        coming = self._offset.with_suffix(".coming")
        coming.write_text(f"{offset}\n")
        coming.replace(self._offset)


def settable_clock(folder: Path) -> Clock:
    """Return a clock that is right until somebody sets it; what it says is kept in ``folder``."""
    offset = folder / "clock"
    (folder / "sitecustomize.py").write_text(_SLEEP)
    clock = Clock(
        {
            "PYTHONPATH": str(folder),
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
        offset,
    )
    clock.set("+0")
    return clock


def _library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found or shutil.which("faketime") is None:
        pytest.skip("no clock can be set for a process alone: apt-get install faketime")
    return str(found[0])
