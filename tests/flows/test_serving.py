"""Whose server it is, by processes that are real; the whole server is started by the session's fixture."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.orchestration import server as serving
from preservation.errors import UnavailableError


class _Healthy(BaseHTTPRequestHandler):
    busy = 0

    def do_GET(self) -> None:
        self.send_response(503 if type(self).busy else 200)
        type(self).busy = max(type(self).busy - 1, 0)
        self.end_headers()

    def log_message(self, *_: object) -> None:  # type: ignore[override]  # says nothing of what it says it of
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers as healthy, whichever process it belongs to."""
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own, as a server of ours does."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def serving_at(directory: Path, url: str) -> Settings:
    """Settings of an installation that serves Prefect at the port of ``url``."""
    make_installation(directory)
    file = directory / "muniment.toml"
    file.write_text(file.read_text().replace("port = 4200", f"port = {urlsplit(url).port}"))
    return load_settings(directory)


def recorded(home: Path, pid: int, born: str, url: str, *, on_demand: bool = True) -> serving._Server:
    server = serving._Server(pid, born, url, on_demand=on_demand, has_door=True)
    (home / "server.json").write_bytes(msgspec.json.encode(server))
    return server


def born(process: subprocess.Popen[bytes]) -> str:
    found = serving.born(process.pid)
    assert found is not None
    return found


def test_the_very_process_that_was_recorded_is_trusted_and_stopped(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    server = recorded(tmp_path, stranger.pid, born(stranger), url)

    assert serving._living(tmp_path) == server
    serving._stop(tmp_path, server)
    assert stranger.wait(5) < 0
    assert not (tmp_path / "server.json").exists()


def test_another_process_of_the_same_number_is_neither_trusted_nor_killed(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    boot, tick = born(stranger).split()
    for other in (f"{boot} {int(tick) - 1}", f"another-boot {tick}", ""):
        server = recorded(tmp_path, stranger.pid, other, url)

        assert serving._living(tmp_path) is None
        serving._stop(tmp_path, server)
        assert stranger.poll() is None
        assert not (tmp_path / "server.json").exists()


def test_a_service_goes_on_with_the_server_of_one_that_was_killed_and_stops_it(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    settings = serving_at(tmp_path / "archive", url)
    recorded(serving._home(settings), stranger.pid, born(stranger), url, on_demand=False)

    with serving.served(settings) as api:
        assert api.url == url
        with (
            pytest.raises(UnavailableError, match="muniment up is running already"),
            serving.served(settings),
        ):
            pass
    assert stranger.wait(5) < 0


def test_a_service_goes_on_with_no_server_that_has_no_door(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    settings = serving_at(tmp_path / "archive", url)
    server = {"pid": stranger.pid, "born": born(stranger), "url": url, "on_demand": False}
    (serving._home(settings) / "server.json").write_bytes(msgspec.json.encode(server))

    # What answers there is another program, and stays.
    with pytest.raises(UnavailableError, match="is taken by another program"), serving.served(settings):
        pass
    assert stranger.wait(5) < 0


def test_a_service_leaves_the_server_of_another_process_that_preserves_in_peace(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    settings = serving_at(tmp_path / "archive", url)
    recorded(serving._home(settings), stranger.pid, born(stranger), url, on_demand=True)

    with (
        pytest.raises(UnavailableError, match="a Prefect server is running already"),
        serving.served(settings),
    ):
        pass
    assert stranger.poll() is None


def test_a_server_that_is_too_busy_to_answer_is_waited_for_and_none_is_started_beside_it(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
):
    make_installation(tmp_path / "archive")
    settings = load_settings(tmp_path / "archive")
    recorded(serving._home(settings), stranger.pid, born(stranger), url, on_demand=False)
    monkeypatch.setattr(_Healthy, "busy", 5)

    with serving.prefect_api(settings) as api:
        assert api.url == url
    assert stranger.poll() is None


def test_a_server_that_lives_and_never_answers_is_reported_and_its_record_is_left(
    tmp_path: Path, stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
):
    make_installation(tmp_path / "archive")
    settings = load_settings(tmp_path / "archive")
    nobody = "http://127.0.0.1:9/api"
    server = recorded(serving._home(settings), stranger.pid, born(stranger), nobody, on_demand=False)
    monkeypatch.setattr(serving, "_PATIENCE_SECONDS", 0.3)

    with (
        pytest.raises(UnavailableError, match=f"process {stranger.pid}"),
        serving.prefect_api(settings),
    ):
        pass
    with pytest.raises(UnavailableError, match="does not answer"):
        serving.running_api(settings)
    assert serving._recorded(serving._home(settings)) == server
    assert stranger.poll() is None


def test_what_is_done_while_a_server_starts_is_done_before_it_answers_and_the_next_one_is_whole(
    tmp_path: Path,
):
    settings = serving_at(tmp_path / "archive", f"http://127.0.0.1:{serving._free_port()}")
    answered: list[bool] = []

    def blocks(api: serving.PrefectApi) -> int:
        return len(
            httpx.post(
                f"{api.url}/block_types/filter", json={}, timeout=60, auth=tuple(api.auth.split(":", 1))
            )
            .raise_for_status()
            .json()
        )

    with serving.prefect_api(settings, lambda api: answered.append(api.answers)) as api:
        assert (answered, api.answers, blocks(api)) == ([False], True, 0)
    with serving.served(settings) as api:
        # That one is for people: they find what they can choose from.
        assert blocks(api) > 0


def test_a_server_that_is_dead_is_not_trusted_though_its_port_answers(
    tmp_path: Path, url: str, stranger: subprocess.Popen[bytes]
):
    recorded(tmp_path, stranger.pid, born(stranger), url)
    stranger.kill()

    # It has ended, and nobody has asked for its end yet: it is still in the table of processes.
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    assert serving._living(tmp_path) is None


def test_a_note_that_does_not_say_when_the_server_began_is_not_believed(tmp_path: Path, url: str):
    (tmp_path / "server.json").write_bytes(msgspec.json.encode({"pid": 1, "url": url, "on_demand": True}))

    assert serving._living(tmp_path) is None
