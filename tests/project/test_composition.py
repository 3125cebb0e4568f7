"""Runs what the containers of compose.yaml run, outside of containers: the real programs, one by one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
import psycopg
import pytest
from services.compose import DOCKER, ComposedDatabases, ComposedServer, free_port, services, started
from services.workers import service
from support.archives import MUNIMENT
from support.flow_runs import installed
from support.waiting import until

CEPH = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
KEYS = {"AWS_ACCESS_KEY_ID": "archive", "AWS_SECRET_ACCESS_KEY": "archive-secret"}


@contextmanager
def bucket_service(folder: Path, port: int) -> Iterator[None]:
    """The S3 service of compose.yaml, for as long as the context lasts; its disk stays."""
    (folder / "s3").mkdir(exist_ok=True)
    environment = {
        **KEYS,
        "S3_FOLDER": str(folder / "s3"),
        "S3_LISTEN": "127.0.0.1",
        "S3_PORT": str(port),
        "S3_MONITOR_PORT": str(free_port()),
        "S3_BYTES": str(8 << 30),
    }
    with (folder / "s3.log").open("ab") as log:
        command = ("sh", str(DOCKER / "s3/start.sh"))
        with started(command, environment, log.fileno()) as process:
            deadline = time.monotonic() + 90
            asked = [sys.executable, DOCKER / "s3/healthy.py"]
            while subprocess.run(
                asked, env={"S3_PORT": str(port)}, capture_output=True, check=False
            ).returncode:
                assert process.poll() is None, (folder / "s3.log").read_text()
                assert time.monotonic() < deadline, (folder / "s3.log").read_text()
                time.sleep(0.2)
            yield
        assert process.returncode == 0, (folder / "s3.log").read_text()


def health(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask the image's health check whether the command does its work."""
    return subprocess.run(
        [sys.executable, DOCKER / "healthy.py", *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_prefect_starts_as_composed_and_its_ui_asks_the_host_it_came_from(server: ComposedServer):
    asked = health(*server.command)
    assert (asked.returncode, asked.stderr) == (0, "")
    with urlopen(f"{server.url}/ui-settings", timeout=5) as answer:  # noqa: S310  http, of our own making
        told = json.load(answer)
    assert (told["api_url"], told["default_ui"]) == ("/api", "v1")
    asked_as_by_a_browser = Request(f"{server.url}/runs", headers={"Accept": "text/html"})  # noqa: S310  as above
    with urlopen(asked_as_by_a_browser, timeout=5) as page:  # noqa: S310  as above
        assert b"<title>Prefect Server</title>" in page.read()
    assert "Traceback" not in server.log.read_text()


def test_a_server_that_does_not_answer_is_not_healthy():
    asked = health("prefect", "server", "start", "--port", str(free_port()))
    assert asked.returncode == 1
    assert "is not ready" in asked.stderr


def test_one_of_the_two_cannot_read_the_database_of_the_other(databases: ComposedDatabases):
    stranger = databases.prefect.replace("+asyncpg", "").replace("prefect@", "muniment@")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(stranger, password=databases.muniment_password)


def test_a_service_is_healthy_while_its_watcher_and_its_worker_live(tmp_path: Path, prefect_url: str):
    archive = installed(tmp_path / "archive", prefect_url)
    told = {**archive.environment, "MUNIMENT_HOME": str(archive.directory)}
    with service(archive, "up") as up:
        published = archive.directory / "state" / "watching.json"
        until(published.exists, up.lines)
        for verb in ("up", "watch", "worker"):
            asked = health("muniment", verb, **told)
            assert (asked.returncode, asked.stderr) == (0, ""), verb
    asked = health("muniment", "watch", **told)
    assert asked.returncode == 1
    assert "the watcher is dead" in asked.stderr
    asked = health("muniment", "worker", **{**told, "MUNIMENT_PREFECT__API_URL": "http://127.0.0.1:1/api"})
    assert asked.returncode == 1
    assert "Prefect does not answer" in asked.stderr


def test_the_health_check_reads_what_the_container_runs_off_its_first_process():
    probe = "import healthy; print(*healthy.running_command(b'/usr/bin/tini\\0--\\0muniment\\0watch\\0'))"
    told = subprocess.run(
        [sys.executable, "-c", probe], cwd=DOCKER, capture_output=True, text=True, check=True
    ).stdout
    assert told == "muniment watch\n"
    assert services()["watcher"]["command"] == told.split()


@pytest.mark.soak
def test_the_first_start_makes_an_installation_before_a_bucket_that_lasts(
    databases: ComposedDatabases, tmp_path: Path
):
    missing = [program for program in CEPH if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no {missing[0]} is here: apt-get install radosgw ceph-mon ceph-osd")
    port, image, home = free_port(), tmp_path / "container", tmp_path / "installation"
    image.mkdir()
    shutil.copy(DOCKER / "first_start.py", image)
    sample = (DOCKER / "muniment.toml").read_text()
    placed = sample.replace("/srv/kept", str(tmp_path / "kept")).replace(
        "http://s3:7480", f"http://127.0.0.1:{port}"
    )
    (image / "muniment.toml").write_text(placed)
    environment = {
        **os.environ,
        **KEYS,
        "MUNIMENT_HOME": str(home),
        "MUNIMENT_DATABASE__URL": databases.muniment,
        "PGPASSWORD": databases.muniment_password,
    }
    first_start = [sys.executable, str(image / "first_start.py")]
    with bucket_service(tmp_path, port):
        told = subprocess.run(first_start, env=environment, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        assert "made an installation" in told.stderr
        settings = (home / "muniment.toml").read_text()
        assert re.sub(r"^identity = .*\n", "", settings, flags=re.MULTILINE) == placed
        assert not (home / "stores").exists()
        doctor = subprocess.run(
            [MUNIMENT, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
        )
        found = {row["what"]: row for row in map(json.loads, doctor.stdout.splitlines())}
        for what in ("database", "journal", "signing key", "store disk"):
            assert found[what]["state"] == "ok", found[what]
        assert "store bucket" in found, doctor.stderr
    with bucket_service(tmp_path, port):
        again = subprocess.run(first_start, env=environment, capture_output=True, text=True, check=False)
        assert (again.returncode, again.stderr) == (0, f"muniment: {home} is there already\n")
        buckets = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        ).list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in buckets] == ["muniment"]
