"""The sample proxy: a real nginx with docker/proxy.conf, before the Prefect of compose.yaml."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import pytest
from services.browser import page
from services.compose import DOCKER, PREFECT_SECRET, ComposedServer, free_port, started

_AROUND = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/proxy.conf;
}}
"""
_NAME = "turner"


def _encoded(credentials: str) -> str:
    return base64.b64encode(credentials.encode()).decode()


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _lowered(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Answer:
    """What the proxy answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and the password of who may look."""

    url: str
    password: str
    folder: Path

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Basic {_encoded(f'{_NAME}:{self.password}')}"}

    def ask(self, path: str, body: object = None, *, known: bool = True, **headers: str) -> Answer:
        """Ask over TLS, trusting the proxy's own certificate and no other, and following nothing."""
        trust = ssl.create_default_context(cafile=str(self.folder / "secrets" / "certificate.pem"))
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        told |= {"Accept": "text/html, */*", **(self.authorization if known else {})}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            told["Content-Type"] = "application/json"
        request = Request(f"{self.url}{path}", content, told)  # noqa: S310  https, of our own making
        try:
            answer: HTTPResponse = build_opener(HTTPSHandler(context=trust), _Stay).open(request, timeout=30)
        except HTTPError as error:
            return Answer(error.code, _lowered(error.headers), error.read())
        with answer:
            return Answer(answer.status, _lowered(answer.headers), answer.read())


@contextmanager
def proxied(folder: Path, prefect_port: int, secret: str) -> Iterator[Proxy]:
    """Run the sample as it is, but for its address, its files, and where Prefect is."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("nginx is not here: apt-get install nginx-light")
    port = free_port()
    told = subprocess.run(
        ["sh", DOCKER / "secrets.sh", "localhost", _NAME, folder / "secrets"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"with the password (\S+)", told)
    assert found is not None
    made = (folder / "secrets" / "prefect.env").read_text()
    authorization = folder / "secrets" / "prefect.conf"
    asked = re.search(r"^PREFECT_SERVER_API_AUTH_STRING=(.+)$", made, re.MULTILINE)
    assert asked is not None
    assert _encoded(asked[1]) in authorization.read_text()
    # The server was started before.
    authorization.write_text(authorization.read_text().replace(_encoded(asked[1]), _encoded(secret)))
    sample = (DOCKER / "proxy.conf").read_text()
    for here, there in (
        ("listen 8443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/tls/certificate.pem", f"{folder}/secrets/certificate.pem"),
        ("/etc/nginx/tls/key.pem", f"{folder}/secrets/key.pem"),
        ("auth_basic_user_file /etc/nginx/people", f"auth_basic_user_file {folder}/secrets/people"),
        ("include /etc/nginx/prefect.conf", f"include {authorization}"),
        ("http://server:4200", f"http://127.0.0.1:{prefect_port}"),
    ):
        assert sample.count(here) == (2 if "server" in here else 1), here
        sample = sample.replace(here, there)
    (folder / "proxy.conf").write_text(sample)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))
    with (
        (folder / "log").open("wb") as log,
        started((program, "-p", str(folder), "-c", str(folder / "nginx.conf")), {}, log.fileno()),
    ):
        running = Proxy(f"https://localhost:{port}", found[1], folder)
        _wait(running)
        yield running


@pytest.fixture(scope="module")
def proxy(server: ComposedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The proxy before Prefect, as composed."""
    with proxied(tmp_path_factory.mktemp("proxy"), server.port, PREFECT_SECRET) as running:
        yield running


def _wait(running: Proxy) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            running.ask("/")
        except OSError:
            assert time.monotonic() < deadline, (running.folder / "log").read_text()
            time.sleep(0.1)
        else:
            return


def test_nobody_looks_without_their_password(proxy: Proxy):
    for path in ("/", "/runs", "/api/health", "/api/flow_runs/filter", "/ui-settings"):
        assert proxy.ask(path, known=False).status == 401
    for wrong in (f"{_NAME}:wrong", PREFECT_SECRET):
        assert proxy.ask("/", known=False, Authorization=f"Basic {_encoded(wrong)}").status == 401
    assert proxy.ask("/api/health").body == b"true"


def test_the_pages_and_everything_they_are_made_of_come_through(proxy: Proxy):
    front = proxy.ask("/runs")
    assert front.status == 200
    parts = re.findall(rb'(?:src|href)="(/[^"]+)"', front.body)
    assert len(parts) >= 4
    kinds = {".js": "javascript", ".css": "text/css"}
    for part in map(bytes.decode, parts):
        answer = proxy.ask(part)
        assert answer.status == 200, part
        assert kinds.get(Path(part).suffix, "") in answer.headers["content-type"], part
    told = json.loads(proxy.ask("/ui-settings").body)
    assert (told["api_url"], told["auth"]) == ("/api", None)


def test_whatever_is_answered_says_what_a_page_may_ask_for(proxy: Proxy):
    for answer in (proxy.ask("/runs"), proxy.ask("/api/health"), proxy.ask("/", known=False)):
        policy = answer.headers["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["connect-src"] == "'self'"
        assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_another_site_can_have_nothing_done_with_the_password_that_a_browser_knows(proxy: Proxy):
    asked = {"limit": 1}
    assert proxy.ask("/api/flow_runs/filter", asked, Sec_Fetch_Site="same-origin").status == 200
    assert proxy.ask("/api/flow_runs/filter", asked).status == 200
    for site in ("cross-site", "same-site"):
        assert proxy.ask("/api/flow_runs/filter", asked, Sec_Fetch_Site=site).status == 403
    assert proxy.ask("/api/flow_runs/filter", asked, Origin=proxy.url).status == 200
    for origin in ("https://elsewhere.example.org", "null", proxy.url.replace("https", "http")):
        assert proxy.ask("/api/flow_runs/filter", asked, Origin=origin).status == 403
    answer = proxy.ask("/api/health", Origin="https://elsewhere.example.org")
    assert "access-control-allow-origin" not in answer.headers


def test_nothing_leads_to_the_second_ui(proxy: Proxy):
    for path in ("/v2", "/v2/runs"):
        answer = proxy.ask(path)
        assert (answer.status, urlsplit(answer.headers["location"]).path) == (302, "/")
    assert proxy.ask("/runs", Cookie="prefect_ui_version=v2").status == 200


def test_the_server_of_muniment_up_answers_behind_it_too(prefect_url: str, tmp_path: Path):
    port = urlsplit(prefect_url).port
    assert port is not None
    with proxied(tmp_path, port, os.environ["PREFECT_API_AUTH_STRING"]) as before_ours:
        assert before_ours.ask("/runs").status == 200
        assert json.loads(before_ours.ask("/ui-settings").body)["auth"] is None
        own = {"Origin": before_ours.url, "Sec_Fetch_Site": "same-origin"}
        assert before_ours.ask("/api/flow_runs/filter", {"limit": 1}, **own).status == 200
        assert before_ours.ask("/api/flow_runs/filter", {"limit": 1}, known=False, **own).status == 401
        answer = before_ours.ask("/runs")
        assert answer.headers["content-security-policy"].count("default-src") == 1


def test_the_log_says_who_asked_and_holds_no_password(proxy: Proxy):
    assert proxy.ask("/api/health").status == 200
    log = (proxy.folder / "access.log").read_text()
    assert f"- {_NAME} [" in log
    assert proxy.password not in log


def test_the_ui_works_in_a_browser_which_refuses_nothing_and_asks_nobody_else(proxy: Proxy, tmp_path: Path):
    flow = json.loads(proxy.ask("/api/flows/", {"name": "preserve"}).body)
    state = {"type": "COMPLETED", "name": "Stored"}
    run = {"flow_id": flow["id"], "name": "preserve maps sheet-012", "state": state}
    made = json.loads(proxy.ask("/api/flow_runs/", run).body)
    with page(tmp_path / "browser", proxy.authorization) as browser:
        assert "Stored" in browser.open(f"{proxy.url}/runs", "preserve maps sheet-012")
        # The graph of a run is what needs most: workers, and functions made of text.
        browser.open(f"{proxy.url}/runs/flow-run/{made['id']}", "Stored")
        browser.wait_for("!!document.querySelector('canvas')")
        browser.open(f"{proxy.url}/deployments", "Deployments")
    foreign = [url for url in browser.asked if not url.startswith((proxy.url, "data:", "blob:", "about:"))]
    assert foreign == []
    # Prefect's own pages name icons that Prefect does not have.
    refused = [told for told in browser.complaints if not told.endswith((".svg", "/favicon.ico"))]
    assert refused == []
