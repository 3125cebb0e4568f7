"""Several commands that preserve at once wait for each other, in the order in which they came."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from ordeals.crash_trees import Run, cold_start
from support.archives import Archive
from support.command_runs import near
from support.forks import forked
from support.waiting import until

from flows.installation.turns import turns

AT_A_TIME = 2


def tickets(state: Path) -> int:
    return sum(1 for _ in state.glob("turns/*/*.ticket"))


def has_tickets(state: Path, count: int) -> bool:
    return tickets(state) == count


def work(state: Path, number: int, order: Path, at_a_time: int = AT_A_TIME) -> None:
    """Take a turn and write that one has it; then give it back when the file ``end N`` is there."""
    with turns(state, at_a_time, lambda ahead: (order / f"waits {number} for {ahead}").touch()):
        (order / f"has {number}").touch()
        until((order / f"end {number}").exists)


@pytest.mark.parametrize("ending", ["ended", "killed"])
def test_so_many_work_at_a_time_and_those_that_came_first_come_first(tmp_path: Path, ending: str):
    state, order = tmp_path / "state", tmp_path
    workers = [forked(work, state, number, order) for number in range(5)]
    for number, worker in enumerate(workers):
        worker.start()
        until(partial(has_tickets, state, number + 1), "the next ticket")
    until((order / "waits 4 for 4").exists)
    for number in range(5):
        until((order / f"has {number}").exists, f"the turn of {number}")
        assert sum(1 for _ in order.glob("has *")) <= number + AT_A_TIME
        if ending == "killed":
            workers[number].kill()
        (order / f"end {number}").touch()
        workers[number].join()
    with turns(state, 1, lambda ahead: pytest.fail(f"{ahead} dead ones are waited for")):
        assert tickets(state) == 1
    assert tickets(state) == 0


def test_who_passes_its_turn_on_goes_to_the_end_of_the_line(tmp_path: Path):
    state, order = tmp_path / "state", tmp_path
    with turns(state, 1, lambda _: None) as ours:
        other = forked(work, state, 1, order, 1)
        other.start()
        until((order / "waits 1 for 1").exists)
        (order / "end 1").touch()
        ours.pass_on()
        assert (order / "has 1").exists()
    other.join()
    assert other.exitcode == 0


def test_a_wait_that_is_interrupted_leaves_no_ticket(tmp_path: Path):
    def cancelled(_: int) -> None:
        raise KeyboardInterrupt

    with turns(tmp_path, 1, lambda _: None):
        with pytest.raises(KeyboardInterrupt), turns(tmp_path, 1, cancelled):
            pytest.fail("it had no turn")
        assert tickets(tmp_path) == 1


def preserve_at_once(archive: Archive, tmp_path: Path, count: int) -> list[Run]:
    """Preserve so many drops with as many real commands, started together, and wait for their ends."""
    runs = []
    for number in range(count):
        drop = tmp_path / "drops" / f"letter-{number}"
        drop.mkdir(parents=True)
        (drop / "letter.txt").write_text(f"Letter {number}\n")
        said = tmp_path / f"said-{number}"
        said.mkdir()
        words = ["preserve", drop, "--collection", "files", "--json", "-C", archive.directory]
        runs.append(cold_start(words, archive.environment, said))
    # So many may take longer than what else is waited for; pytest ends what hangs.
    while not all(run.ended() for run in runs):
        time.sleep(0.1)
    return runs


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
def test_all_commands_that_are_started_at_once_store_their_drops(
    count: int, installation: Archive, tmp_path: Path
):
    # With a server of its own, which they start, share and end.
    archive = Archive(installation.directory, "")
    runs = preserve_at_once(archive, tmp_path, count)
    told = [one for run in runs for one in run.results()]
    assert [one["verdict"] for one in told] == ["stored"] * count, [run.lines() for run in runs]
    lines = [line for run in runs for line in run.lines()]
    assert any("waits for other runs of muniment preserve (" in line for line in lines)
    assert near(archive).run("journal", "verify").returncode == 0
    assert not (installation.directory / "state" / "prefect" / "server.json").exists()
