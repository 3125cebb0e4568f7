"""What Python runs first in each process of a measured service: those of flow runs note when work was done.

This folder is on their ``PYTHONPATH``. A flow run is a child of the fork server.
"""

from __future__ import annotations

import os
import sys

_FORK_SERVER = os.getpid()


def _note_in_flow_run() -> None:
    # What a run forks in its turn does no stage's work.
    if os.getppid() != _FORK_SERVER:
        return
    from benchmarks.stage_notes import note_in_file  # noqa: PLC0415  in no other process, and no sooner

    note_in_file()


if "flows.orchestration.runner.fork_server" in sys.orig_argv:
    os.register_at_fork(after_in_child=_note_in_flow_run)
