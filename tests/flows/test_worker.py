"""The worker, as a real process: what it runs, how it is killed, how it stops."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.sorting import LogSort
from services.workers import (
    asked,
    cancel,
    ended_run,
    forget,
    kill,
    run_of,
    service,
    state_of,
)
from support.archives import Archive
from support.flow_runs import preserved
from support.processes import children, command_of, descendants, lives
from support.waiting import until

from flows.installation.init import make_installation
from flows.installation.jobs import Job
from flows.orchestration.deployments import PRESERVE_DROPS, WORK_POOL
from flows.orchestration.parameters import parameters_of
from flows.submission.drop import DropRequest
from preservation.model.verdicts import Verdict

OFTEN = ", ".join(["2"] * 20)
"""Waits for a store that comes back: soon taken up again, however slow the machine is until then."""


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
        assert sorted(run.tags) == ["files", "files/ledger", "muniment"]
        # By this name the runs of a machine that is gone are known.
        assert f"worker {run.labels['prefect.worker.name']} is ready" in worker.lines
        rejected = ended_run(installation, bad)
        assert (rejected.state_type, rejected.state_name) == ("FAILED", "Rejected"), worker.lines
        again = ended_run(installation, asked(installation, ledger))
        assert again.state_name == "Already kept"
        # What the run writes, it writes where the worker does.
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
        assert len(family) >= 2, "the fork server and a run"
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
    with service(installation, "worker", MUNIMENT_RETRIES__STORES=OFTEN) as worker:
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
        # The run may report first that it crashed.
        until(lambda: state_of(installation, run) == "Cancelled", worker.lines)
    bring_back(away, installation)
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED


def test_a_run_that_is_killed_is_reported_as_crashed_and_leaves_nothing_behind(
    installation: Archive, ledger: Path
):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        [server] = children(worker.process.pid)
        [process] = children(server)
        assert os.getpgid(process) == process, "a process group of its own"
        assert run_of(installation, run).infrastructure_pid == str(process)
        kill(process)
        killed = ended_run(installation, run)
        assert killed.state_name == "Crashed", worker.lines
        assert "-9" in (killed.state.message or "")
        assert children(server) == []
        bring_back(away, installation)
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", worker.lines


def test_a_fork_server_that_is_killed_takes_its_runs_along_and_is_started_again(
    installation: Archive, ledger: Path
):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        [server] = children(worker.process.pid)
        assert command_of(server) == command_of(worker.process.pid), "the first one is forked from the worker"
        family = descendants(server)
        kill(server)
        assert ended_run(installation, run).state_name == "Crashed", worker.lines
        until(lambda: not any(map(lives, family)), "the end of its run")
        bring_back(away, installation)
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", worker.lines
        [again] = children(worker.process.pid)
        assert "runner.fork_server" in command_of(again), "a worker that has threads starts it anew"


def test_a_run_that_ignores_being_cancelled_is_killed(installation: Archive, ledger: Path):
    with service(installation, "worker", MUNIMENT_RETRIES__STORES="120") as worker:
        away = hide_second_store(installation)
        run = asked(installation, ledger)
        until(lambda: is_replicating(installation, "ledger"), worker.lines)
        [process] = children(children(worker.process.pid)[0])
        # It cannot end by itself now.
        os.kill(process, signal.SIGSTOP)
        cancel(installation, run)
        # The run may report first that it crashed.
        until(lambda: state_of(installation, run) == "Cancelled", worker.lines)
        assert not lives(process)
    bring_back(away, installation)


@contextmanager
def pool_set(client: SyncPrefectClient, change: WorkPoolUpdate) -> Iterator[None]:
    """Set the pool as an operator does in the UI, and set it back."""
    client.update_work_pool(WORK_POOL, change)
    try:
        yield
    finally:
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False, concurrency_limit=None))


def test_a_paused_pool_lets_no_run_begin_until_it_is_resumed(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    with service(installation, "worker") as worker:
        with pool_set(client, WorkPoolUpdate(is_paused=True)):
            run = asked(installation, ledger)
            # Asked again and again, Prefect gives none.
            time.sleep(2)
            assert state_of(installation, run) == "Scheduled"
        assert ended_run(installation, run).state_name == "Stored", worker.lines


def test_a_pools_concurrency_limit_holds_though_the_worker_has_room(
    installation: Archive, ledger: Path, client: SyncPrefectClient, tmp_path: Path
):
    other = tmp_path / "drops" / "other"
    other.mkdir()
    (other / "letter.txt").write_text("Dear sister\n")
    with service(installation, "worker", MUNIMENT_RETRIES__STORES=OFTEN) as worker:
        away = hide_second_store(installation)
        with pool_set(client, WorkPoolUpdate(concurrency_limit=1)):
            first = asked(installation, ledger)
            until(lambda: is_replicating(installation, "ledger"), worker.lines)
            second = asked(installation, other)
            time.sleep(2)
            assert (state_of(installation, first), state_of(installation, second)) == ("Running", "Scheduled")
            bring_back(away, installation)
            assert ended_run(installation, second).state_name == "Stored", worker.lines
        assert ended_run(installation, first).state_name == "Stored"


def test_what_a_run_or_its_deployment_asks_of_the_worker_is_ignored_and_stands_in_the_log(
    installation: Archive, ledger: Path, client: SyncPrefectClient, tmp_path: Path
):
    made = tmp_path / "made-by-the-command"
    shell = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {made}"}}
    with service(installation, "worker") as worker:
        deployment = client.read_deployment_by_name(PRESERVE_DROPS)
        client.update_deployment(
            deployment.id,
            DeploymentUpdate(
                entrypoint="os.getcwd",
                pull_steps=[shell],
                job_variables={"command": f"touch {made}", "image": "x"},
            ),
        )
        try:
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters=parameters_of(installation.directory, [DropRequest(ledger, "files", "ledger")]),
                job_variables={
                    "command": f"touch {made}",
                    "env": {"PREFECT_API_URL": "http://127.0.0.1:9/api", "LD_PRELOAD": "/nowhere.so"},
                    "working_dir": "/nowhere",
                },
            )
            assert ended_run(installation, run.id).state_name == "Stored", worker.lines
        finally:
            client.delete_deployment(deployment.id)
        assert not made.exists()
        ignored = "ignored, as Muniment's worker knows no job variables: command, env, image, working_dir"
        until(lambda: ignored in logs_of(client, run.id), "the run's log says so")


def test_no_other_flow_than_muniments_is_run(
    installation: Archive, client: SyncPrefectClient, tmp_path: Path
):
    made = tmp_path / "made-by-the-flow"
    script = tmp_path / "stranger.py"
    script.write_text(f"from prefect import flow\n\n@flow\ndef stranger():\n    open({str(made)!r}, 'w')\n")
    with service(installation, "worker") as worker:
        deployment = client.create_deployment(
            client.create_flow_from_name("stranger"),
            "stranger",
            work_pool_name=WORK_POOL,
            entrypoint=f"{script}:stranger",
            path=str(tmp_path),
        )
        run = client.create_flow_run_from_deployment(deployment)
        state = ended_run(installation, run.id).state
        assert state is not None
        assert state.name == "Refused", worker.lines
        assert state.message == "'stranger' is no flow of Muniment's; its worker runs no other."
        client.delete_deployment(deployment)
    assert not made.exists()


def test_a_run_for_the_directory_of_another_installation_is_refused(
    installation: Archive, ledger: Path, client: SyncPrefectClient, tmp_path: Path
):
    other = tmp_path / "another installation"
    with service(installation, "worker") as worker:
        make_installation(other)
        before = sorted(other.rglob("*"))
        for flow in (PRESERVE_DROPS, Job.VERIFY_JOURNAL.full_name):
            run = client.create_flow_run_from_deployment(
                client.read_deployment_by_name(flow).id,
                parameters=parameters_of(other, [DropRequest(ledger, "files", "ledger")])
                if flow == PRESERVE_DROPS
                else {"directory": str(other)},
            )
            state = ended_run(installation, run.id).state
            assert state is not None
            assert (state.name, state.is_failed()) == ("Refused", True), worker.lines
            assert state.message == (
                f"The parameter directory is '{other}', and this worker runs only what is for the "
                f"installation in {installation.directory}; start the run anew with that directory."
            )
    assert sorted(other.rglob("*")) == before
    assert not list((installation.directory / "processing").glob("files/*"))


def logs_of(client: SyncPrefectClient, run: UUID) -> str:
    """All that Prefect was given to log for the run."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    found = client.read_logs(wanted, limit=200, offset=0, sort=LogSort.TIMESTAMP_ASC)
    return "\n".join(log.message for log in found)


def test_a_worker_without_a_prefect_says_what_to_do(installation: Archive):
    away = Archive(installation.directory, "http://127.0.0.1:9/api").run("worker")
    assert away.returncode == 6
    assert "Prefect does not answer at http://127.0.0.1:9/api; start it" in away.stderr
    none = Archive(installation.directory, "").run("worker")
    assert none.returncode == 6
    assert f"start it with: muniment up -C {installation.directory}" in none.stderr
