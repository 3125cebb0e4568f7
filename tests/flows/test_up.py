"""The running service, as a real process."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.workers import kill, service
from support.archives import Archive
from support.processes import command_of, descendants, lives
from support.waiting import until

from flows.cli.up import _serve_again
from flows.installation.settings_file import load_settings
from flows.service.supervise import Supervised


@pytest.mark.in_prefect
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
