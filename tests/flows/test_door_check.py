"""What ``muniment doctor`` finds at the door of a Prefect: of ours, of a bare one, of one with a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from services.compose import free_port
from support.archives import Archive
from support.command_runs import near

from flows.orchestration.door_check import check_door
from flows.orchestration.environment import PrefectApi, server_environment
from flows.orchestration.prefect_database import prepare_database


@contextmanager
def bare_prefect(home: Path, **environment: str) -> Iterator[PrefectApi]:
    """Run Prefect's own server as its documentation says, for as long as the context lasts."""
    port = free_port()
    home.mkdir()
    prepare_database(home)
    surroundings = {**os.environ, **server_environment(home), **environment}
    surroundings.pop("PREFECT_API_AUTH_STRING")
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(command, env=surroundings, stdout=log, stderr=log) as process,
    ):
        api = PrefectApi(
            f"http://127.0.0.1:{port}/api", environment.get("PREFECT_SERVER_API_AUTH_STRING", "")
        )
        try:
            deadline = time.monotonic() + 240
            while not api.answers:
                assert time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.1)
            yield api
        finally:
            process.terminate()


def doctor(archive: Archive) -> dict[str, dict[str, str]]:
    printed = archive.run("doctor", "--json").stdout
    rows = {row["what"]: row for row in map(json.loads, printed.splitlines())}
    return {what: row for what, row in rows.items() if what.startswith("Prefect's ")}


@pytest.mark.in_prefect
def test_the_server_of_muniment_refuses_all_three(prefect_url: str, installation: Archive):
    assert [check.is_open for check in check_door(PrefectApi(prefect_url))] == [False, False, False]
    found = doctor(near(installation))
    assert len(found) == 3
    assert {row["state"] for row in found.values()} == {"ok"}


def test_a_bare_prefect_answers_all_and_doctor_says_each(tmp_path: Path, installation: Archive):
    with bare_prefect(tmp_path / "prefect") as api:
        found = doctor(Archive(installation.directory, api.url))
    assert {row["state"] for row in found.values()} == {"failing"}
    assert "answers without credentials" in found["Prefect's door: credentials"]["detail"]
    assert "pages of any origin" in found["Prefect's door: origin"]["detail"]
    assert "any host name" in found["Prefect's door: host name"]["detail"]


@pytest.mark.soak
def test_a_prefect_with_a_password_of_the_operators_own_is_asked_with_it(
    tmp_path: Path, installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    password = "admin:of-the-operator"  # noqa: S105  of a server of this test
    (tmp_path / "password").write_text(f"{password}\n")
    in_the_environment = {"PREFECT_API_AUTH_STRING": password, "PREFECT_API_AUTH_STRING_FILE": ""}
    in_a_file = {"PREFECT_API_AUTH_STRING": "", "PREFECT_API_AUTH_STRING_FILE": str(tmp_path / "password")}
    with bare_prefect(tmp_path / "prefect", PREFECT_SERVER_API_AUTH_STRING=password) as api:
        real = Archive(installation.directory, api.url)
        # One of them as a process, which finds nothing in its memory.
        for archive, given in ((near(real), in_the_environment), (real, in_a_file)):
            for name, value in given.items():
                monkeypatch.setenv(name, value)
            found = doctor(near(real))
            assert {row["state"] for row in found.values()} == {"ok"}, given
            assert "without credentials it gets nothing" in found["Prefect's door: origin"]["detail"]
            collection = "files" if archive is real else "images"
            finished = archive.run("preserve", ledger, "--collection", collection)
            assert finished.returncode == 0, finished.stderr


def test_of_a_server_of_its_own_that_does_not_run_the_secret_alone_is_looked_at(installation: Archive):
    archive = near(Archive(installation.directory, ""))
    assert {row["state"] for row in doctor(archive).values()} == {"ok"}
    (archive.directory / "state" / "prefect.secret").chmod(0o644)
    found = doctor(archive)
    assert found["Prefect's secret"]["state"] == "missing"
    assert "other accounts may read" in found["Prefect's secret"]["detail"]
