"""The worker, as a real process: what it runs, how it is killed, how it stops."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from services.workers import (
    asked,
    cancel,
    descendants,
    ended_run,
    forget,
    kill,
    lives,
    run_of,
    service,
    state_of,
    until,
)
from support.archives import Archive
from support.flow_runs import preserved, surroundings

from flows.installation.settings_file import load_settings
from flows.orchestration.deployments import register_deployments
from flows.orchestration.server import PrefectApi, client_environment
from preservation.model.verdicts import Verdict


def hide_second_store(archive: Archive) -> Path:
    """Let the second store be away, so that a run comes to replication and waits there."""
    return archive.store("second").rename(archive.directory / "away")


def bring_back(away: Path, archive: Archive) -> None:
    away.rename(archive.store("second"))


def is_replicating(archive: Archive, name: str) -> bool:
    return (archive.directory / "processing" / "files" / name / "events-package.jsonl").exists()


def test_runs_end_in_prefect_as_the_drops_ended(installation: Archive, ledger: Path, tmp_path: Path):
    broken = tmp_path / "drops" / "broken"
    broken.mkdir()
    (broken / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    with service(installation, "worker") as worker:
        good, bad = asked(installation, ledger), asked(installation, broken)
        assert run_of(installation, good).name == "preserve files/ledger"
        run = ended_run(installation, good)
        assert (run.name, run.state_name) == ("preserve files/ledger", "Stored"), worker.lines
        assert sorted(run.tags) == ["files", "muniment"]
        # By this name the runs of a machine that is gone are known.
        assert f"worker {run.labels['prefect.worker.name']} is ready" in worker.lines
        rejected = ended_run(installation, bad)
        assert (rejected.state_type, rejected.state_name) == ("FAILED", "Rejected"), worker.lines
        again = ended_run(installation, asked(installation, ledger))
        assert again.state_name == "Already kept"
        # What the run wrote has come through the hand to the worker.
        assert worker.lines.count("Task run 'survey files/ledger'") == 2
        worker.ask_to_stop()
        assert worker.ended() == 0, worker.lines
    assert "Traceback" not in worker.lines


def test_a_worker_that_is_killed_takes_its_runs_along_and_the_next_goes_on_and_stores_once(
    installation: Archive, ledger: Path
):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as first:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), first.lines)
        family = descendants(first.process.pid)
        assert len(family) >= 3, "the warm process, a hand and a run"
        kill(first.process.pid)
        until(lambda: not any(map(lives, family)), "the end of every process of the worker")
    bring_back(away, installation)
    assert state_of(installation, run) == "Running"
    with service(installation, "worker") as second:
        assert ended_run(installation, run).state_name == "Crashed"
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", second.lines
    assert installation.kept("first") == installation.kept("second")
    events = [json.loads(line) for line in installation.run("journal", "show", "--json").stdout.splitlines()]
    assert Counter(event["event_type"] for event in events)["accession"] == 1


def test_a_worker_that_is_asked_to_stop_lets_its_run_go_on_and_takes_no_other(
    installation: Archive, ledger: Path, tmp_path: Path
):
    other = tmp_path / "drops" / "other"
    other.mkdir()
    (other / "letter.txt").write_text("Dear sister\n")
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="3") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        worker.ask_to_stop()
        worker.wait_for("stopping: 1 under way")
        late = asked(installation, other)
        bring_back(away, installation)
        assert worker.ended() == 0
    assert state_of(installation, run) == "Stored", worker.lines
    assert state_of(installation, late) == "Scheduled"
    forget(installation, late)


def test_a_worker_that_is_asked_twice_ends_at_once_and_the_drop_is_kept_later(
    installation: Archive, ledger: Path
):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        family = descendants(worker.process.pid)
        worker.ask_to_stop()
        worker.wait_for("stopping: 1 under way")
        worker.ask_to_stop()
        assert worker.ended() == 0, worker.lines
        until(lambda: not any(map(lives, family)), "the end of every process of the worker")
    assert ended_run(installation, run).state_name == "Crashed"
    bring_back(away, installation)
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED


def test_a_run_that_is_cancelled_ends_at_once_and_the_drop_is_kept_later(installation: Archive, ledger: Path):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        cancel(installation, run)
        assert ended_run(installation, run).state_name == "Cancelled", worker.lines
    bring_back(away, installation)
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED


def test_a_hand_that_finds_nothing_warm_does_the_run_itself(installation: Archive, ledger: Path):
    with surroundings(installation):
        settings = load_settings(installation.directory)
    register_deployments(settings, PrefectApi(installation.api_url))
    run = asked(installation, ledger)
    environment = client_environment(settings, PrefectApi(installation.api_url))
    subprocess.run(
        [sys.executable, "-m", "flows.hand"],
        env={**installation.environment, **environment, "PREFECT__FLOW_RUN_ID": str(run)},
        check=True,
        capture_output=True,
    )
    assert state_of(installation, run) == "Stored"


def test_a_worker_without_a_prefect_says_what_to_do(installation: Archive):
    away = Archive(installation.directory, "http://127.0.0.1:9/api").run("worker")
    assert away.returncode == 6
    assert "Prefect does not answer at http://127.0.0.1:9/api; start it" in away.stderr
    none = Archive(installation.directory, "").run("worker")
    assert none.returncode == 6
    assert f"start it with: muniment up -C {installation.directory}" in none.stderr
