"""Clocks that are wrong, for the processes that a test starts and for nobody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def set_clocks(monkeypatch: pytest.MonkeyPatch, offset: str) -> None:
    """Let every process that is started from now on live at another time; only its timers go on.

    ``offset`` is from the right time: ``-400d``, ``+2h``.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found or shutil.which("faketime") is None:
        pytest.skip("no clock can be set for a process alone: apt-get install faketime")
    monkeypatch.setenv("LD_PRELOAD", str(found[0]))
    monkeypatch.setenv("FAKETIME", offset)
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
