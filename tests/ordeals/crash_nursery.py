"""Forks runs of the command from a process that has imported what costs most (``crash_trees.warm_start``)."""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from flows.cli.__main__ import main

_PRELOADED = ("prefect", "prefect.flows", "flows.orchestration.in_process", "flows.installation.wiring")
"""Nothing that starts a thread: a fork would not have it."""


def nurse() -> None:
    """Start a run for each order read from stdin; tell of the others whether they have ended."""
    for module in _PRELOADED:
        importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            _answer("ended" if _has_ended(order) else "runs")
            continue
        pid = os.fork()
        if pid == 0:
            _become_the_command(*order)
        _answer(str(pid))


def _answer(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _has_ended(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True


def _become_the_command(arguments: list[str], environment: dict[str, str], said: str, folder: str) -> None:
    os.setsid()
    os.chdir(folder)
    for number, stream in enumerate((os.devnull, f"{said}/stdout", f"{said}/stderr")):
        os.dup2(os.open(stream, os.O_RDWR | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["muniment", *arguments]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    Path(said, "code").write_text(str(code))
    os._exit(code)


if __name__ == "__main__":
    nurse()
