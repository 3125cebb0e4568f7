"""The worker, as a real process: what it runs; how runs are cancelled, killed, held back and refused."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.client.schemas.sorting import LogSort
from services.workers import (
    OFTEN,
    Service,
    asked,
    cancel,
    ended_run,
    is_replicating,
    kill,
    run_of,
    second_store_away,
    service,
    state_of,
    waits,
    wake,
)
from support.archives import Archive
from support.flow_runs import installed, preserved
from support.processes import children, command_of, descendants, lives
from support.waiting import until

from flows.installation.init import make_installation
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from flows.orchestration.deployments import PRESERVE_DROPS, WORK_POOL, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.parameters import parameters_of
from flows.submission.drop import DropRequest
from preservation.model.verdicts import Verdict

pytestmark = pytest.mark.in_prefect


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Archive:
    """An installation that these tests share: each has a drop of its own."""
    return installed(tmp_path_factory.mktemp("worker") / "archive", prefect_url)


@pytest.fixture(scope="module")
def worker(installation: Archive) -> Iterator[Service]:
    """Its worker, running until the last of them has ended."""
    with service(installation, "worker", MUNIMENT_RETRIES__STORES=OFTEN) as running:
        yield running
        running.ask_to_stop()
        assert running.ended() == 0, running.lines
    assert "Traceback" not in running.lines, running.lines


def letter(tmp_path: Path, name: str) -> Path:
    """Make a drop of one text."""
    drop = tmp_path / "drops" / name
    drop.mkdir(parents=True)
    (drop / "letter.txt").write_text(f"Dear {name}\n")
    return drop


def test_runs_end_in_prefect_as_the_drops_ended(
    installation: Archive, worker: Service, ledger: Path, tmp_path: Path
):
    broken = tmp_path / "drops" / "broken"
    broken.mkdir()
    (broken / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
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


def test_a_run_that_is_cancelled_ends_at_once_and_the_drop_is_kept_later(
    installation: Archive, worker: Service, tmp_path: Path
):
    drop = letter(tmp_path, "cancelled")
    with second_store_away(installation):
        run = asked(installation, drop)
        until(lambda: is_replicating(installation, "cancelled"), worker.lines)
        cancel(installation, run)
        # The run may report first that it crashed.
        until(lambda: state_of(installation, run) == "Cancelled", worker.lines)
    assert preserved(installation, drop).ending.verdict is Verdict.STORED


def test_a_run_that_ignores_being_cancelled_is_killed(installation: Archive, worker: Service, tmp_path: Path):
    drop = letter(tmp_path, "ignoring")
    with second_store_away(installation):
        run = asked(installation, drop)
        until(lambda: is_replicating(installation, "ignoring"), worker.lines)
        [process] = children(children(worker.process.pid)[0])
        # It cannot end by itself now.
        os.kill(process, signal.SIGSTOP)
        cancel(installation, run)
        # The run may report first that it crashed.
        until(lambda: state_of(installation, run) == "Cancelled", worker.lines)
        assert not lives(process)


def test_a_run_that_is_resumed_before_its_process_has_ended_is_begun_once_and_goes_on(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    drop = letter(tmp_path, "resumed")
    with second_store_away(installation):
        run = asked(installation, drop)
        until(lambda: is_replicating(installation, "resumed"), worker.lines)
        [server] = children(worker.process.pid)
        [process] = children(server)
        os.kill(process, signal.SIGSTOP)
        details = StateDetails(pause_timeout=now() + timedelta(hours=1), pause_reschedule=True)
        paused: State[None] = State(type=StateType.PAUSED, name="Suspended", state_details=details)
        client.set_flow_run_state(run, paused)
        client.resume_flow_run(run)
        # Asked again and again, Prefect gives the run that is in hand.
        time.sleep(2)
        assert worker.process.poll() is None, worker.lines
        assert children(server) == [process]
        os.kill(process, signal.SIGCONT)
    # The process that was stopped may have kept the drop before it noticed that it was to end.
    assert ended_run(installation, run).state_name in {"Stored", "Already kept"}, worker.lines


def test_a_run_that_is_killed_is_reported_as_crashed_and_leaves_nothing_behind(
    installation: Archive, worker: Service, tmp_path: Path
):
    drop = letter(tmp_path, "killed")
    with second_store_away(installation):
        run = asked(installation, drop)
        until(lambda: is_replicating(installation, "killed"), worker.lines)
        [server] = children(worker.process.pid)
        [process] = children(server)
        assert os.getpgid(process) == process, "a process group of its own"
        assert run_of(installation, run).infrastructure_pid == str(process)
        kill(process)
        killed = ended_run(installation, run)
        assert killed.state_name == "Crashed", worker.lines
        assert "-9" in (killed.state.message or "")
        assert children(server) == []
    assert ended_run(installation, asked(installation, drop)).state_name == "Stored", worker.lines


@contextmanager
def pool_set(client: SyncPrefectClient, change: WorkPoolUpdate) -> Iterator[None]:
    """Set the pool as an operator does in the UI, and set it back."""
    client.update_work_pool(WORK_POOL, change)
    try:
        yield
    finally:
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False, concurrency_limit=None))


def test_a_paused_pool_lets_no_run_begin_until_it_is_resumed(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    with pool_set(client, WorkPoolUpdate(is_paused=True)):
        run = asked(installation, letter(tmp_path, "held back"))
        # Asked again and again, Prefect gives none.
        for _ in range(4):
            time.sleep(0.5)
            wake(installation)
        assert waits(installation, run), worker.lines
    wake(installation)
    assert ended_run(installation, run).state_name == "Stored", worker.lines


def test_a_pools_concurrency_limit_holds_though_the_worker_has_room(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    drop, other = letter(tmp_path, "the first"), letter(tmp_path, "the second")
    with pool_set(client, WorkPoolUpdate(concurrency_limit=1)):
        with second_store_away(installation):
            first = asked(installation, drop)
            until(lambda: is_replicating(installation, "the first"), worker.lines)
            second = asked(installation, other)
            time.sleep(2)
            assert state_of(installation, first) == "Running", worker.lines
            assert waits(installation, second), worker.lines
        assert ended_run(installation, second).state_name == "Stored", worker.lines
    assert ended_run(installation, first).state_name == "Stored"


def test_what_a_run_or_its_deployment_asks_of_the_worker_is_ignored_and_stands_in_the_log(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    drop, made = letter(tmp_path, "asking"), tmp_path / "made-by-the-command"
    shell = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {made}"}}
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
            parameters=parameters_of(installation.directory, [DropRequest(drop, "files", drop.name)]),
            job_variables={
                "command": f"touch {made}",
                "env": {"PREFECT_API_URL": "http://127.0.0.1:9/api", "LD_PRELOAD": "/nowhere.so"},
                "working_dir": "/nowhere",
            },
        )
        wake(installation)
        assert ended_run(installation, run.id).state_name == "Stored", worker.lines
    finally:
        client.delete_deployment(deployment.id)
    assert not made.exists()
    ignored = "ignored, as Muniment's worker knows no job variables: command, env, image, working_dir"
    until(lambda: ignored in logs_of(client, run.id), "the run's log says so")


def test_no_other_flow_than_muniments_is_run(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    made = tmp_path / "made-by-the-flow"
    script = tmp_path / "stranger.py"
    script.write_text(f"from prefect import flow\n\n@flow\ndef stranger():\n    open({str(made)!r}, 'w')\n")
    deployment = client.create_deployment(
        client.create_flow_from_name("stranger"),
        "stranger",
        work_pool_name=WORK_POOL,
        entrypoint=f"{script}:stranger",
        path=str(tmp_path),
    )
    run = client.create_flow_run_from_deployment(deployment)
    wake(installation)
    state = ended_run(installation, run.id).state
    assert state is not None
    assert state.name == "Refused", worker.lines
    assert state.message == "'stranger' is no flow of Muniment's; its worker runs no other."
    client.delete_deployment(deployment)
    assert not made.exists()


def test_a_run_for_the_directory_of_another_installation_is_refused(
    installation: Archive, worker: Service, client: SyncPrefectClient, tmp_path: Path
):
    other = tmp_path / "another installation"
    make_installation(other)
    before = sorted(other.rglob("*"))
    processed = sorted((installation.directory / "processing").glob("files/*"))
    # A test before this one may have removed what was registered.
    register_deployments(load_settings(installation.directory), PrefectApi(installation.api_url))
    drop = letter(tmp_path, "elsewhere")
    for flow in (PRESERVE_DROPS, Job.VERIFY_JOURNAL.full_name):
        run = client.create_flow_run_from_deployment(
            client.read_deployment_by_name(flow).id,
            parameters=parameters_of(other, [DropRequest(drop, "files", drop.name)])
            if flow == PRESERVE_DROPS
            else {"directory": str(other)},
        )
        wake(installation)
        state = ended_run(installation, run.id).state
        assert state is not None
        assert (state.name, state.is_failed()) == ("Refused", True), worker.lines
        assert state.message == (
            f"The parameter directory is '{other}', and this worker runs only what is for the "
            f"installation in {installation.directory}; start the run anew with that directory."
        )
    assert sorted(other.rglob("*")) == before
    assert sorted((installation.directory / "processing").glob("files/*")) == processed


@pytest.mark.soak
def test_a_fork_server_that_is_killed_takes_its_runs_along_and_is_started_again(
    installation: Archive, worker: Service, tmp_path: Path
):
    drop = letter(tmp_path, "the last")
    with second_store_away(installation):
        run = asked(installation, drop)
        until(lambda: is_replicating(installation, "the last"), worker.lines)
        [server] = children(worker.process.pid)
        assert command_of(server) == command_of(worker.process.pid), "the first one is forked from the worker"
        family = descendants(server)
        kill(server)
        assert ended_run(installation, run).state_name == "Crashed", worker.lines
        until(lambda: not any(map(lives, family)), "the end of its run")
    assert ended_run(installation, asked(installation, drop)).state_name == "Stored", worker.lines
    [again] = children(worker.process.pid)
    assert "runner.fork_server" in command_of(again), "a worker that has threads starts it anew"


def logs_of(client: SyncPrefectClient, run: UUID) -> str:
    """All that Prefect was given to log for the run."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    found = client.read_logs(wanted, limit=200, offset=0, sort=LogSort.TIMESTAMP_ASC)
    return "\n".join(log.message for log in found)
