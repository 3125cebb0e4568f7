from __future__ import annotations

import errno
import os

import pytest

from flows.orchestration.child_process import run_in_children
from flows.submission.answer import RunResult


def test_where_no_process_is_to_be_had_nothing_stays_open(monkeypatch: pytest.MonkeyPatch):
    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, "no process is to be had")

    monkeypatch.setattr(os, "fork", refused)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208  names are enough

    with pytest.raises(BlockingIOError):
        run_in_children(lambda _: RunResult([]), [])

    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
