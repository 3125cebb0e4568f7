"""The command with everything it starts, killed whole at one instant; or only itself, as a full memory does.

A run is the installed command, or (``WarmStart``) a fork of a process that has imported Prefect already:
that spares the two seconds in which nothing happens that a kill could disturb.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from support.archives import MUNIMENT

_POLL_SECONDS = 0.002
_END_SECONDS = 20
_DEAD = frozenset({b"Z", b"X"})


@dataclass(frozen=True)
class Run:
    """A run of the command: its process, which leads a session, and the folder of what it says."""

    pid: int
    said: Path
    ended: Callable[[], bool]

    def lines(self) -> list[str]:
        """What it has said on stderr so far, in whole lines."""
        return (self.said / "stderr").read_text().split("\n")[:-1]

    def results(self) -> list[dict[str, Any]]:
        """What it has told on stdout, as JSON lines, once it has ended."""
        return [json.loads(line) for line in (self.said / "stdout").read_text().splitlines()]

    def code(self) -> int:
        """How a run of a warm start has ended, where it ended by itself."""
        return int((self.said / "code").read_text())

    def kill(self) -> None:
        """Kill the process and all it has started, of whatever session, as one.

        Everything is stopped before anything dies: nobody sees anybody else go, and nobody escapes.
        """
        stopped: set[int] = set()
        while fresh := alive_below(self.pid) - stopped:
            for pid in fresh:
                _signal(pid, signal.SIGSTOP)
            stopped |= fresh
        for pid in stopped:
            _signal(pid, signal.SIGKILL)
        self._wait_for_the_end_of(stopped)

    def kill_alone(self) -> None:
        """Kill the process only, as the kernel does when memory is short; the caged must die with it."""
        family = alive_below(self.pid)
        _signal(self.pid, signal.SIGKILL)
        self._wait_for_the_end_of({self.pid} | {pid for pid in family if _is_caged(pid)})

    def _wait_for_the_end_of(self, pids: set[int]) -> None:
        deadline = time.monotonic() + _END_SECONDS
        while left := {pid for pid in pids if _state(pid) not in _DEAD} | (set() if self.ended() else {0}):
            assert time.monotonic() < deadline, f"still there after SIGKILL: {left}"
            time.sleep(_POLL_SECONDS)


Start = Callable[[Sequence[str | Path], Mapping[str, str], Path], Run]
"""Starts the command with these arguments and this environment; what it says goes into the folder."""


def cold_start(arguments: Sequence[str | Path], environment: Mapping[str, str], said: Path) -> Run:
    """Start the installed command, as a person does."""
    with (said / "stdout").open("wb") as stdout, (said / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [MUNIMENT, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    return Run(process.pid, said, lambda: process.poll() is not None)


@contextmanager
def warm_start(folder: Path = Path()) -> Iterator[Start]:
    """Give what starts runs in a folder, from a process that has imported what costs most."""
    nursery = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("crash_nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    orders, answers = nursery.stdin, nursery.stdout

    def start(arguments: Sequence[str | Path], environment: Mapping[str, str], said: Path) -> Run:
        for stream in ("stdout", "stderr"):
            (said / stream).write_bytes(b"")
        words = [*map(str, arguments)]
        pid = int(_asked(orders, answers, [words, dict(environment), str(said), str(folder)]))
        return Run(pid, said, lambda: _asked(orders, answers, pid) == "ended")

    try:
        yield start
    finally:
        orders.close()
        nursery.wait()
        answers.close()


def _asked(orders: IO[str], answers: IO[str], question: object) -> str:
    print(json.dumps(question), file=orders, flush=True)
    return answers.readline().strip()


def alive_below(root: int) -> set[int]:
    """Return ``root`` and all that it and its children have started, as far as they live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and fields[0] not in _DEAD:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [root] if _state(root) not in _DEAD else []
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def _is_caged(pid: int) -> bool:
    with suppress(OSError):
        return b"preservation.tools." in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _state(pid: int) -> bytes:
    fields = _stat(pid)
    return fields[0] if fields else b"X"


def _stat(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the state on: the parent comes next (``proc(5)``)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
