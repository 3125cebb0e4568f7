"""Holds the image and compose.yaml against what the code really offers; no container engine is needed."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from services.compose import DOCKER, copied, grace, instructions, services
from support.commands import taken

from flows.installation.machine_settings import ServiceSettings
from flows.installation.settings import Settings
from flows.installation.settings_file import HOME_VARIABLE, load_settings
from flows.orchestration.deployments import WORK_POOL
from flows.orchestration.environment import server_environment

OF_OURS = ("setup", "watcher", "worker", "server")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a watcher and a worker have, read as they read them."""
    shutil.copy(DOCKER / "muniment.toml", tmp_path)
    for name, value in services()["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    return load_settings(tmp_path)


def only(file: str, word: str) -> str:
    """The text of the one instruction of that word in the last stage."""
    return [text for instruction, text in instructions(file) if instruction == word][-1]


def makefile_variable(project: Path, name: str) -> str:
    found = re.search(rf"^{name} +:= (.*)$", (project / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_every_command_of_a_service_is_one_that_the_program_takes():
    asked = [service["command"] for name, service in services().items() if name in OF_OURS]
    asked.append(json.loads(only("Dockerfile", "CMD")))
    ours = [words for words in asked if words[0] == "muniment"]
    assert sorted(words[1] for words in ours) == ["up", "watch", "worker"]
    for words in ours:
        taken(words)
    assert {words[0] for words in asked} == {"muniment", "prefect", "python"}


def test_the_settings_of_the_environment_are_settings_and_take_effect(settings: Settings):
    environment = services()["worker"]["environment"]
    assert environment[HOME_VARIABLE] == "/srv/muniment"
    assert settings.database.url == environment["MUNIMENT_DATABASE__URL"]
    assert settings.prefect.api_url == environment["MUNIMENT_PREFECT__API_URL"]
    assert settings.virus.clamd == environment["MUNIMENT_VIRUS__CLAMD"]
    assert settings.service.runs == 4
    named = set(re.findall(r"MUNIMENT_[A-Z_]+", (DOCKER / "compose.yaml").read_text()))
    assert named == set(environment)


def test_every_host_and_port_that_is_named_is_a_service_that_listens_there(settings: Settings):
    api = urlsplit(settings.prefect.api_url)
    server = services()["server"]["command"]
    assert (api.hostname, str(api.port), api.path) == ("server", server[server.index("--port") + 1], "/api")
    assert only("Dockerfile", "EXPOSE") == str(api.port)
    proxy = (DOCKER / "proxy.conf").read_text()
    assert f"proxy_pass http://{api.netloc};" in proxy
    assert services()["proxy"]["ports"][0].endswith(":8443")
    assert "listen 8443 ssl" in proxy

    bucket = settings.store[1]
    assert bucket.kind == "s3"
    assert bucket.endpoint_url == f"http://s3:{only('s3/Dockerfile', 'EXPOSE')}"
    assert f"S3_PORT:-{only('s3/Dockerfile', 'EXPOSE')}}}" in (DOCKER / "s3/start.sh").read_text()

    prefect = services()["server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert {urlsplit(url).hostname for url in (prefect, settings.database.url)} == {"postgres"}
    assert settings.virus.clamd == "tcp:clamd:3310"
    assert {"postgres", "clamd", "s3", "server"} <= set(services())


def test_only_the_proxy_is_reached_from_outside_and_it_reaches_nothing_but_prefect():
    assert [name for name, service in services().items() if "ports" in service] == ["proxy"]
    beside = {name for name, service in services().items() if "front" in service.get("networks", [])}
    assert beside == {"proxy", "server"}


def test_prefect_is_told_to_tell_nobody_anything_as_everywhere_else():
    told = services()["server"]["environment"]
    expected = server_environment(Path(told["PREFECT_HOME"]))
    assert {name: told.get(name) for name in expected} == expected


def test_prefect_understands_what_it_is_told():
    told = services()["server"]["environment"]
    probe = (
        "import json; from prefect.settings import get_current_settings as now; s = now();"
        "print(json.dumps([str(s.home), s.server.ui.api_url, s.server.ui.static_directory,"
        "s.server.database.connection_url.get_secret_value(), s.server.analytics_enabled,"
        "s.server.ui.v2_enabled, s.server.ui.show_promotional_content]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", probe], env=told, capture_output=True, text=True, check=True
    )
    assert json.loads(finished.stdout) == [
        told["PREFECT_HOME"],
        "/api",
        told["PREFECT_UI_STATIC_DIRECTORY"],
        told["PREFECT_SERVER_DATABASE_CONNECTION_URL"],
        False,
        False,
        False,
    ]


def test_whoever_is_stopped_has_the_time_to_drain(settings: Settings):
    assert settings.service.drain_seconds == ServiceSettings().drain_seconds
    assert grace("worker") >= settings.service.drain_seconds + 30
    assert json.loads(only("Dockerfile", "ENTRYPOINT"))[1:] == ["--"], "tini must not tell the whole group"


def test_who_waits_for_a_healthy_service_waits_for_one_that_has_a_health_check():
    release = version("muniment")
    images = {f"muniment:{release}": "Dockerfile", f"muniment-s3:{release}": "s3/Dockerfile"}
    for service in services().values():
        for name, wait in service.get("depends_on", {}).items():
            waited_for = services()[name]
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in waited_for or only(images[waited_for["image"]], "HEALTHCHECK")
            else:
                assert waited_for["restart"] == "no", "one that is started again never completes"


def test_nobody_has_more_rights_than_it_needs():
    for name in (*OF_OURS, "s3", "postgres", "proxy"):
        service = services()[name]
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    for name in (*OF_OURS, "s3"):
        assert "cap_add" not in services()[name], name
    for name in OF_OURS:
        assert services()[name]["read_only"], name
    assert only("Dockerfile", "USER") == "10001:10001"
    assert only("s3/Dockerfile", "USER") == "ceph"


def test_the_image_names_its_version_as_the_project_does(project: Path):
    version = tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"]
    tags = {service["image"].partition(":")[2] for service in services().values() if "build" in service}
    assert tags == {version}


def test_every_image_is_named_with_a_version_and_without_a_registry():
    images = [service["image"] for service in services().values()]
    images += [text.partition("=")[2] for _, text in bases()]
    for image in images:
        name, _, tag = image.partition(":")
        assert tag, image
        assert tag != "latest", image
        assert "." not in name.partition("/")[0], image


def bases() -> list[tuple[str, str]]:
    return [
        (word, text)
        for file in ("Dockerfile", "s3/Dockerfile")
        for word, text in instructions(file)
        if word == "ARG" and "bookworm" in text
    ]


def test_debian_packages_are_those_of_the_makefile(project: Path):
    for file, name in (("Dockerfile", "DEBIAN"), ("s3/Dockerfile", "DEBIAN_S3")):
        arguments = [text for word, text in instructions(file) if word == "ARG"]
        assert f'{name}="{makefile_variable(project, name)}"' in arguments
        assert f"${{{name}}}" in only(file, "RUN")


@pytest.mark.parametrize("file", ["Dockerfile", "s3/Dockerfile"])
def test_what_is_copied_is_there_and_reaches_the_build(project: Path, file: str):
    lines = (DOCKER / f"{file}.dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    for source in copied(file):
        assert (project / source).exists(), source
        assert source in let_in, source
    assert sorted(let_in) == sorted(copied(file))
    assert not any(fnmatch.fnmatch("secrets", path) for path in let_in)


def test_what_is_copied_is_enough_to_build_and_needs_nothing_that_is_not_locked(
    project: Path, tmp_path: Path
):
    for source in copied():
        if not source.startswith(("docker/", "requirements/")):
            copy = shutil.copytree if (project / source).is_dir() else shutil.copy
            copy(project / source, tmp_path / source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "-w", "wheels", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    [wheel] = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith("METADATA")]
        needed = HeaderParser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    assert "preservation/policy/shipped/bit-level.toml" in names
    assert any(name.startswith("storage/database/migrations/versions/") for name in names)
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (project / "requirements/lock.txt").read_text(), re.MULTILINE)
    )
    assert {re.split(r"[^A-Za-z0-9-]", name)[0].lower() for name in needed} <= locked
    assert {"hatchling", "tzdata"} & locked == {"hatchling", "tzdata"}
    assert "--hash=sha256:" in (project / "requirements/lock.txt").read_text()


def test_every_secret_is_a_file_that_is_made_once_and_that_git_does_not_see(project: Path, tmp_path: Path):
    asked = set(re.findall(r"secrets/([a-z0-9.]+)", (DOCKER / "compose.yaml").read_text()))
    command = ["sh", DOCKER / "secrets.sh", "archive.example.org", "turner", tmp_path / "secrets"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert asked == set(made)
    assert re.search(
        r"turner may look at https://archive\.example\.org/ with the password [0-9a-f]{48}", told
    )
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for name, path in made.items():
        assert stat.S_IMODE(path.stat().st_mode) == (0o644 if name == "people" else 0o600), name
    before = {path: path.read_bytes() for path in made.values()}
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""
    assert {path: path.read_bytes() for path in made.values()} == before
    ignored = subprocess.run(
        ["git", "check-ignore", *(f"docker/secrets/{name}" for name in made)],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(ignored.stdout.splitlines()) == len(made)


def test_both_databases_have_their_passwords_from_the_same_secrets(tmp_path: Path):
    subprocess.run(["sh", DOCKER / "secrets.sh", "host", "turner", tmp_path], check=True, capture_output=True)

    def variables(name: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (tmp_path / name).read_text().splitlines())

    assert variables("muniment.env")["PGPASSWORD"] == variables("postgres.env")["MUNIMENT_PASSWORD"]
    assert variables("prefect.env")["PGPASSWORD"] == variables("postgres.env")["PREFECT_PASSWORD"]
    secret = variables("prefect.env")["PREFECT_SERVER_API_AUTH_STRING"]
    assert variables("muniment.env")["PREFECT_API_AUTH_STRING"] == secret
    assert len(set(variables("postgres.env").values())) == 3


def test_the_health_check_asks_for_the_pool_of_the_workers():
    assert f'POOL = "{WORK_POOL}"' in (DOCKER / "healthy.py").read_text()
