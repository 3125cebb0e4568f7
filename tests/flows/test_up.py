"""The running service, as a real process."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.workers import asked, ended_run, kill, service
from support.archives import Archive
from support.processes import command_of, descendants, lives
from support.waiting import until

from flows.cli.up import _serve_again
from flows.installation.settings_file import load_settings
from flows.service.supervise import Supervised


def worker_of(pid: int) -> int:
    """The worker that the service has started."""
    return next(child for child in descendants(pid) if " worker " in command_of(child))


def test_the_service_starts_a_worker_again_that_was_killed_and_ends_with_all_it_started(
    installation: Archive, ledger: Path
):
    with service(installation, "up") as up:
        kill(worker_of(up.process.pid))
        up.wait_for("the worker ended (exit -9); it is started again in 1 s")
        up.wait_for("is ready", times=2)
        assert ended_run(installation, asked(installation, ledger)).state_name == "Stored", up.lines
        family = descendants(up.process.pid)
        up.ask_to_stop()
        assert up.ended() == 0, up.lines
        until(lambda: not any(map(lives, family)), "the end of all that it started")
    assert "Traceback" not in up.lines


def test_a_service_that_is_killed_takes_its_watcher_and_its_worker_along(installation: Archive):
    with service(installation, "up") as up:
        up.wait_for("watching the inboxes")
        family = descendants(up.process.pid)
        verbs = {verb for child in family for verb in ("worker", "watch") if f" {verb} " in command_of(child)}
        assert verbs == {"worker", "watch"}
        kill(up.process.pid)
        until(lambda: not any(map(lives, family)), "the end of all that it started")


def test_a_prefect_that_cannot_be_started_again_ends_no_service(
    installation: Archive, capsys: pytest.CaptureFixture[str]
):
    settings = load_settings(installation.directory)
    # Its log cannot be opened: nothing can be started.
    (settings.state / "prefect" / "server.log").mkdir(parents=True)
    _serve_again(settings)
    assert "Prefect could not be started" in capsys.readouterr().err


def test_what_cannot_be_started_is_tried_again_later(tmp_path: Path):
    said: list[str] = []
    supervised = Supervised("watch", [str(tmp_path / "nothing")], {}, said.append)
    supervised.look()
    supervised.look()
    assert said == ["the watch could not be started (No such file or directory); it is started again in 1 s"]
    assert not supervised.runs
