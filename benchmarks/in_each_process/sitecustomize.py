"""What Python runs first in each process of a measured service: those of flow runs note when work was done.

This folder is on their ``PYTHONPATH``. A flow run is forked from the fork server, and that from the worker.
"""

from __future__ import annotations

import os
import sys

_RUN = 2
"""How many times the process of a run was forked, counted from the worker."""

_forks = 0


def _note_in_flow_run() -> None:
    global _forks  # noqa: PLW0603  each process counts its own
    _forks += 1
    # What a run forks in its turn does no stage's work.
    if _forks != _RUN:
        return
    from benchmarks.stage_notes import note_in_file  # noqa: PLC0415  in no other process, and no sooner

    note_in_file()


if "worker" in sys.orig_argv:
    os.register_at_fork(after_in_child=_note_in_flow_run)
