"""Runs as forks of one process, and the locks by which workers know each other, without Prefect."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from support.processes import children, lives
from support.waiting import until

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.orchestration.runner.forking import forked
from flows.orchestration.runner.run_processes import RunProcesses
from flows.orchestration.runner.slots import held_slot

SECONDS = 30

Answer = TypeVar("Answer")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A fork server whose runs do what the file of their name says."""
    script = tmp_path / "fork_server.py"
    script.write_text(
        textwrap.dedent(f"""\
        import os, pathlib, signal, socket, subprocess, sys, time
        from flows.orchestration.runner.fork_server import serve
        from preservation.tools.kernel import die_with_parent

        def run(identifier):
            exec(pathlib.Path({str(tmp_path)!r}, str(identifier)).read_text())

        die_with_parent(int(sys.argv[2]))
        serve(socket.socket(fileno=int(sys.argv[1])), run)
        """)
    )
    return [sys.executable, str(script)]


@pytest.fixture
def processes(command: list[str], tmp_path: Path) -> Iterator[RunProcesses]:
    made = RunProcesses(command, str(tmp_path))
    yield made
    made.close()


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str], UUID]:
    """Make a run that does what the text says."""

    def made(text: str) -> UUID:
        run = uuid4()
        (tmp_path / str(run)).write_text(text)
        return run

    return made


def waited_for(work: Awaitable[Answer]) -> Answer:
    async def limited() -> Answer:
        return await asyncio.wait_for(work, SECONDS)

    return asyncio.run(limited())


async def until_ready(processes: RunProcesses) -> None:
    """Keep the fork server up, as a worker does, until a run can begin."""
    while not processes.are_ready:
        processes.keep_up()
        await asyncio.sleep(0.05)


async def status_of(processes: RunProcesses, run: UUID) -> int:
    await until_ready(processes)
    await processes.begin(run)
    return await processes.ended(run)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pass", 0),
        ("sys.exit(7)", 7),
        ("raise RuntimeError('as it does')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_a_runs_end_is_known_as_it_was(
    processes: RunProcesses, play: Callable[[str], UUID], text: str, status: int
):
    assert waited_for(status_of(processes, play(text))) == status


def test_runs_go_on_beside_each_other_and_each_gets_its_own_signal(
    processes: RunProcesses, play: Callable[[str], UUID]
):
    async def both() -> tuple[int, int]:
        await until_ready(processes)
        first, second = play("time.sleep(600)"), play("time.sleep(600)")
        pids = [await processes.begin(first), await processes.begin(second)]
        assert [os.getpgid(pid) for pid in pids] == pids
        processes.send_signal(second, signal.SIGTERM)
        ended = await processes.ended(second)
        assert lives(pids[0])
        processes.send_signal(first, signal.SIGKILL)
        # Too late, for nobody.
        processes.send_signal(second, signal.SIGKILL)
        return await processes.ended(first), ended

    assert waited_for(both()) == (-signal.SIGKILL, -signal.SIGTERM)


def test_a_signal_in_the_moment_in_which_a_run_begins_is_not_lost(
    processes: RunProcesses, play: Callable[[str], UUID]
):
    async def ended_at_once() -> set[int]:
        await until_ready(processes)
        statuses = set()
        for _ in range(30):
            run = play("time.sleep(600)")
            await processes.begin(run)
            processes.send_signal(run, signal.SIGTERM)
            statuses.add(await processes.ended(run))
        return statuses

    assert waited_for(ended_at_once()) == {-signal.SIGTERM}


def test_what_a_run_leaves_in_its_process_group_ends_with_it(
    processes: RunProcesses, play: Callable[[str], UUID], tmp_path: Path
):
    left = tmp_path / "left"
    text = f"pathlib.Path({str(left)!r}).write_text(str(subprocess.Popen(['sleep', '600']).pid))"
    assert waited_for(status_of(processes, play(text))) == 0
    pid = int(left.read_text())
    until(lambda: not lives(pid), "the end of what it has left")


def test_a_fork_server_that_is_killed_takes_its_runs_along_and_is_started_again(
    processes: RunProcesses, play: Callable[[str], UUID]
):
    async def killed() -> tuple[int, int, bool]:
        await until_ready(processes)
        run = play("time.sleep(600)")
        pid = await processes.begin(run)
        os.kill(processes._process.pid, signal.SIGKILL)
        status = await processes.ended(run)
        with pytest.raises(OSError, match=r"Bad file descriptor|gone"):
            await processes.begin(run)
        return status, pid, processes.are_ready

    async def again() -> tuple[int, int]:
        status, pid, ready = await killed()
        assert not ready
        assert await status_of(processes, play("sys.exit(3)")) == 3
        return status, pid

    status, pid = waited_for(again())
    assert status == -signal.SIGKILL
    until(lambda: not lives(pid), "the end of its run")


def test_a_fork_server_that_ends_at_once_is_started_again_later_and_later(tmp_path: Path):
    begun = tmp_path / "begun"
    short = [sys.executable, "-c", f"open({str(begun)!r}, 'a').write('.')"]
    processes = RunProcesses(short, str(tmp_path))
    try:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(until_ready(processes), 5))
    finally:
        processes.close()
    # At first, at once, and after one and two seconds more.
    assert 2 <= len(begun.read_text()) <= 4


def test_a_worker_that_is_killed_takes_the_fork_server_and_its_runs_along(command: list[str], tmp_path: Path):
    run = uuid4()
    (tmp_path / str(run)).write_text("time.sleep(600)")
    worker = f"""\
import asyncio, uuid
from flows.orchestration.runner.forking import forked
from flows.orchestration.runner.run_processes import RunProcesses

async def work():
    processes = RunProcesses({command!r}, {str(tmp_path)!r})
    processes.keep_up()
    print(await processes.begin(uuid.UUID({str(run)!r})), flush=True)
    await processes.ended(uuid.UUID({str(run)!r}))

asyncio.run(work())
"""
    with subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        [server] = children(process.pid)
        assert lives(pid)
        process.kill()
    until(lambda: not lives(server) and not lives(pid), "the end of both")


def test_a_process_with_a_second_thread_is_not_forked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("flows.orchestration.runner.forking.load", lambda: None)
    done = Event()
    second = Thread(target=done.wait)
    second.start()
    try:
        assert forked(tmp_path) is None
    finally:
        done.set()
        second.join()


def test_a_slot_is_held_by_one_living_worker_and_names_it(tmp_path: Path):
    make_installation(tmp_path / "archive")
    settings = load_settings(tmp_path / "archive")
    hold = f"""\
import sys
from pathlib import Path
from flows.orchestration.runner.slots import held_slot
from flows.installation.settings_file import load_settings
with held_slot(load_settings(Path({str(tmp_path / "archive")!r}))) as slot:
    print(slot.worker, flush=True)
    sys.stdin.read()
"""
    with held_slot(settings) as first:
        with subprocess.Popen(
            [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline().strip() == f"{first.worker}-2"
            assert first.dead_workers() == set()
            other.kill()
        assert first.dead_workers() == {f"{first.worker}-2"}
        with held_slot(settings) as second:
            assert second.worker == f"{first.worker}-2"
            assert second.dead_workers() == set()
            assert first.dead_workers() == set()
