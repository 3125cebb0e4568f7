"""Forked processes for tests: they share nothing with pytest from then on, and leave without its clearing up.

What a library of the session (Prefect's) wants done when a process ends is for the one that imported it.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

FORK = multiprocessing.get_context("fork")


def forked(work: Callable[..., Any], *given: object) -> BaseProcess:
    """Return a process, not yet started, that does ``work`` and ends with 0, or with 1 where it raises."""
    return FORK.Process(target=_work_and_leave, args=(work, given))


def _work_and_leave(work: Callable[..., Any], given: tuple[object, ...]) -> None:
    try:
        work(*given)
    except BaseException:  # noqa: BLE001  whatever it is, the parent sees that it was
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
