"""A worker, as a real process, that is killed, asked to stop, or cannot start: what becomes of its runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from services.workers import (
    OFTEN,
    asked,
    ended_run,
    forget,
    is_replicating,
    kill,
    second_store_away,
    service,
    state_of,
    waits,
)
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import preserved
from support.processes import descendants, lives
from support.waiting import until

from preservation.model.verdicts import Verdict

pytestmark = pytest.mark.in_prefect


def test_a_worker_that_is_killed_takes_its_runs_along_and_the_next_goes_on_and_stores_once(
    installation: Archive, ledger: Path
):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as first:
        with second_store_away(installation):
            run = asked(installation, ledger)
            until(lambda: is_replicating(installation, "ledger"), first.lines)
            family = descendants(first.process.pid)
            assert len(family) >= 2, "the fork server and a run"
            kill(first.process.pid)
            until(lambda: not any(map(lives, family)), "the end of every process of the worker")
        assert state_of(installation, run) == "Running"
    with service(installation, "worker") as second:
        assert ended_run(installation, run).state_name == "Crashed"
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", second.lines
    assert installation.kept("first") == installation.kept("second")
    shown = near(installation).run("journal", "show", "--json").stdout
    events = [json.loads(line) for line in shown.splitlines()]
    assert Counter(event["event_type"] for event in events)["accession"] == 1


def test_a_worker_that_is_asked_to_stop_lets_its_run_go_on_and_takes_no_other(
    installation: Archive, ledger: Path, tmp_path: Path
):
    other = tmp_path / "drops" / "other"
    other.mkdir()
    (other / "letter.txt").write_text("Dear sister\n")
    with service(installation, "worker", MUNIMENT_RETRIES__STORES=OFTEN) as worker:
        with second_store_away(installation):
            run = asked(installation, ledger)
            until(lambda: is_replicating(installation, "ledger"), worker.lines)
            worker.ask_to_stop()
            worker.wait_for("stopping: 1 under way")
            late = asked(installation, other)
        assert worker.ended() == 0
    assert state_of(installation, run) == "Stored", worker.lines
    assert waits(installation, late)
    forget(installation, late)


@pytest.mark.soak
def test_a_worker_that_is_asked_twice_ends_at_once_and_the_drop_is_kept_later(
    installation: Archive, ledger: Path
):
    with (
        second_store_away(installation),
        service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker,
    ):
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        family = descendants(worker.process.pid)
        worker.ask_to_stop()
        worker.wait_for("stopping: 1 under way")
        worker.ask_to_stop()
        assert worker.ended() == 0, worker.lines
        until(lambda: not any(map(lives, family)), "the end of every process of the worker")
        assert ended_run(installation, run).state_name == "Crashed"
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED


def test_a_worker_without_a_prefect_says_what_to_do(installation: Archive):
    away = Archive(installation.directory, "http://127.0.0.1:9/api").run("worker")
    assert away.returncode == 6
    assert "Prefect does not answer at http://127.0.0.1:9/api; start it" in away.stderr
    none = Archive(installation.directory, "").run("worker")
    assert none.returncode == 6
    assert f"start it with: muniment up -C {installation.directory}" in none.stderr
