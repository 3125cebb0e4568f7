"""The door before the server that Muniment starts: a hostile page in a browser, another account, curl."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.events.clients import get_events_client, get_events_subscriber
from prefect.logging.clients import get_logs_subscriber
from prefect.settings import temporary_settings
from services import browser
from starlette.routing import WebSocketRoute
from support.archives import Archive, share_secret
from support.flow_runs import ask_prefect, installed
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from flows.installation.server_secret import door_link, new_ticket
from flows.installation.settings_file import load_settings
from flows.orchestration.client import client_settings
from flows.orchestration.deployments import register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.run_requests import open_runs
from flows.orchestration.server import prefect_api
from flows.submission.drop import DropRequest

ANOTHER_ACCOUNT = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MARK = "muniment-was-here"


@dataclass(frozen=True)
class Served:
    """An installation whose own server runs."""

    archive: Archive
    api: PrefectApi
    pid: int

    @property
    def secret_file(self) -> Path:
        return self.archive.directory / "state" / "prefect.secret"

    @property
    def runs(self) -> int:
        """How many runs there are of those that a page asks for; schedules make others."""
        return len(ask_prefect(self.api.url, "flow_runs", {"flow_runs": {"name": {"any_": [MARK]}}}))

    @property
    def deployment(self) -> str:
        found = ask_prefect(self.api.url, "deployments", {})
        return next(str(one["id"]) for one in found if one["name"] == "preserve drops")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The folders on the way to it are open to all accounts: what is shut is shut by itself."""
    with tempfile.TemporaryDirectory(prefix="muniment-door-") as folder:
        Path(folder).chmod(0o755)
        archive = installed(Path(folder) / "archive", "")
        share_secret(archive.directory)
        settings = load_settings(archive.directory)
        with prefect_api(settings) as api:
            register_deployments(settings, api)
            with open_runs(settings, api) as runs:
                # The list of runs looks otherwise while there is none.
                runs.ask([DropRequest(Path(folder) / "letters", "files", "letters", taken="20261121-1")])
            server = json.loads((settings.state / "prefect" / "server.json").read_bytes())
            yield Served(archive, api, server["pid"])


HOSTILE = """<!DOCTYPE html><body><script>
const api = "{ui}/api", run = {run};
const tried = {{}};
const attempt = async (name, how) => {{
  try {{ const answer = await how(); tried[name] = `${{answer.type}} ${{answer.status}}`; }}
  catch (error) {{ tried[name] = "refused"; }}
}};
const json = {{"Content-Type": "application/json"}};
const create = `${{api}}/deployments/{deployment}/create_flow_run`;
const socket = (url, ...more) => new Promise((open, failed) => {{
  const line = new WebSocket(url.replace("http", "ws"), ...more);
  line.onopen = () => open({{type: "open", status: 101}});
  line.onerror = failed;
}});
const picture = (url) => new Promise((open, failed) => {{
  const image = new Image();
  image.onload = () => open({{type: "image", status: 200}});
  image.onerror = failed;
  image.src = url;
}});
(async () => {{
  await attempt("read", () => fetch(`${{api}}/health`));
  await attempt("run", () => fetch(create, {{method: "POST", headers: json, body: JSON.stringify(run)}}));
  await attempt("run with cookies", () => fetch(create,
    {{method: "POST", headers: json, body: JSON.stringify(run), credentials: "include"}}));
  await attempt("run, simple", () => fetch(create,
    {{method: "POST", mode: "no-cors", body: JSON.stringify(run), credentials: "include"}}));
  await attempt("ticket", () => fetch("{ui}/door", {{method: "POST", mode: "no-cors", body: "x"}}));
  await attempt("socket", () => socket(`${{api}}/events/in`, "prefect"));
  await attempt("image", () => picture("{ui}/ico/favicon-32x32.png"));
  await attempt("script", () => import("{ui}/assets/index.js"));
  const form = Object.assign(document.createElement("form"),
    {{action: create, method: "POST", enctype: "text/plain", target: "frame"}});
  const field = Object.assign(document.createElement("input"),
    {{name: JSON.stringify(run).slice(0, -1) + ', "x": "', value: '"}}'}});
  const frame = Object.assign(document.createElement("iframe"), {{name: "frame"}});
  form.append(field);
  document.body.append(frame, form);
  frame.onload = () => {{ document.title = "tried"; }};
  form.submit();
  document.body.dataset.tried = JSON.stringify(tried);
}})();
</script>"""


@contextmanager
def hostile_page(served: Served) -> Iterator[int]:
    """Serve a page that tries what a page can to have a run made that runs a command; give its port."""
    run = {"name": MARK, "parameters": {}, "job_variables": {"command": f"touch /tmp/{MARK}"}}
    text = HOSTILE.format(ui=served.api.ui, run=json.dumps(run), deployment=served.deployment)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:  # type: ignore[override]  # not to the terminal
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser for which hostile names are this machine's."""
    to_here = "--host-resolver-rules=MAP hostile.example 127.0.0.1, MAP rebinding.example 127.0.0.1"
    with browser.browser(tmp_path_factory.mktemp("browser"), to_here) as running:
        yield running


def let_in(page: browser.Page, served: Served) -> None:
    page.open(door_link(served.api.ui, new_ticket(served.api.auth, time.time())), "Items per page")


# Of the same site as the UI, and of another one.
@pytest.mark.parametrize("name", ["127.0.0.1", "hostile.example"])
def test_a_hostile_page_gets_nothing_done_in_a_browser_that_was_let_in(
    served: Served, chromium: browser.Browser, name: str
):
    before = served.runs
    with hostile_page(served) as port, chromium.page(apart=True) as page:
        let_in(page, served)
        page.tell("Page.navigate", url=f"http://{name}:{port}/")
        page.wait_for("document.title === 'tried'")
        tried: dict[str, str] = json.loads(str(page.evaluated("document.body.dataset.tried")))
        assert len(tried) == 8
        # Of an opaque answer a page learns nothing, not even that it was a refusal.
        assert set(tried.values()) <= {"refused", "opaque 0"}, tried
        # The very request does what it wants where the page of the door asks it.
        page.open(f"{served.api.ui}/runs", "Items per page")
        assert served.runs == before
        # Where the machine is busy, Prefect's database is locked for a while (503): its clients ask again.
        page.evaluated(
            f"const ask = () => fetch('/api/deployments/{served.deployment}/create_flow_run', "
            "{method: 'POST', "
            "headers: {'Content-Type': 'application/json', "
            "Authorization: 'Basic ' + localStorage.getItem('prefect-password')}, "
            f"body: JSON.stringify({{name: '{MARK}', parameters: {{}}, enforce_parameter_schema: false}})}})"
            ".then(({status}) => status === 503 ? setTimeout(ask, 300) "
            ": document.title = `asked ${status}`); ask()"
        )
        page.wait_for("document.title.startsWith('asked')")
        assert page.evaluated("document.title") == "asked 201"
    assert served.runs == before + 1


def test_a_page_under_a_name_that_was_bent_to_this_machine_gets_nothing(
    served: Served, chromium: browser.Browser
):
    port = urlsplit(served.api.url).port
    with chromium.page(apart=True) as page:
        seen = page.open(f"http://rebinding.example:{port}/runs", "another name")
        assert "Dashboard" not in seen
        page.evaluated("fetch('/api/health').then(answer => { document.title = `${answer.status}`; })")
        page.wait_for("document.title === '421'")


def test_a_browser_without_the_address_is_asked_for_a_password_and_the_address_works_once(
    served: Served, chromium: browser.Browser
):
    link = door_link(served.api.ui, new_ticket(served.api.auth, time.time()))
    with chromium.page(apart=True) as page:
        assert "Login" in page.open(f"{served.api.ui}/runs", "Login")
        page.open(link, "Items per page")
        kept = str(page.evaluated("JSON.stringify({...localStorage, cookie: document.cookie})"))
        assert served.api.auth not in kept
        assert link.partition("#")[2] not in str(page.evaluated("location.href"))
    with chromium.page(apart=True) as page:
        page.open(link, "This link was used")
        page.open(f"{served.api.ui}/runs", "Login")


def curl(*options: str, account: tuple[str, ...] = ()) -> tuple[int, str]:
    """Ask with curl, and return status and answer."""
    command = [*account, "curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", *options]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body, _, status = answer.rpartition("\n")
    return int(status), body


@pytest.fixture
def another() -> tuple[str, ...]:
    if os.geteuid() or not shutil.which(ANOTHER_ACCOUNT[0]):
        pytest.skip("only root can become another account, by setpriv of util-linux")
    return ANOTHER_ACCOUNT


def test_another_account_reads_neither_the_secret_nor_the_api(served: Served, another: tuple[str, ...]):
    def read(path: Path | str) -> int:
        return subprocess.run([*another, "cat", path], check=False, capture_output=True).returncode

    assert read(served.archive.directory / "muniment.toml") == 0, "the way there is open"
    assert read(served.secret_file) != 0
    served.secret_file.parent.chmod(0o755)
    try:
        assert read(served.secret_file) != 0, "shut by itself"
    finally:
        served.secret_file.parent.chmod(0o700)
    assert read(f"/proc/{served.pid}/cmdline") == 0
    assert read(f"/proc/{served.pid}/environ") != 0
    run = json.dumps({"name": MARK, "job_variables": {"command": "id"}})
    create = f"{served.api.url}/deployments/{served.deployment}/create_flow_run"
    options = ("--json", run, create)
    assert curl(*options, account=another)[0] == 401
    assert curl("--user", "muniment:guess", *options, account=another)[0] == 401
    assert curl(f"{served.api.url}/admin/settings", account=another)[0] == 401
    assert curl(f"{served.api.url}/health", account=another) == (200, "true")
    assert curl(f"{served.api.url}/ready", account=another) == (200, '{"message":"OK"}')


def test_a_forged_host_is_refused_and_a_preflight_is_not_answered(served: Served):
    known = ("--user", served.api.auth)
    assert curl(*known, f"{served.api.url}/version")[0] == 200
    for host in ("rebinding.example", "127.0.0.1.rebinding.example", "localhost.rebinding.example:4200"):
        assert curl(*known, "--header", f"Host: {host}", f"{served.api.url}/version")[0] == 421
    preflight = ("--request", "OPTIONS", "--header", "Access-Control-Request-Method: POST", "--include")
    status, answer = curl(
        *preflight, "--header", "Origin: https://elsewhere.example", f"{served.api.url}/flow_runs/"
    )
    assert status == 403
    assert "access-control" not in answer.lower()


def test_the_secret_stands_on_no_command_line_and_in_no_log(served: Served):
    secret = served.api.auth.partition(":")[2].encode()
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret not in line.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert secret not in (served.archive.directory / "state" / "prefect" / "server.log").read_bytes()
    assert secret.decode() not in repr(served.api)
    shown = httpx.get(f"{served.api.url}/admin/settings", auth=tuple(served.api.auth.split(":", 1))).text  # type: ignore[arg-type]  # a pair
    assert secret.decode() not in shown


def test_every_kind_of_connection_that_prefect_has_wants_the_secret(served: Served):
    from prefect.server.api.server import API_ROUTERS  # noqa: PLC0415  seconds, which only this test needs

    paths = [
        route.path for router in API_ROUTERS for route in router.routes if isinstance(route, WebSocketRoute)
    ]
    assert {"/events/in", "/events/out", "/logs/out"} <= set(paths)
    for path in paths:
        url = served.api.url.replace("http", "ws", 1) + path.format_map(_Any())
        with pytest.raises((InvalidStatus, ConnectionClosed)), connect(url, proxy=None) as line:
            line.recv(timeout=20)
        for token in (None, "", "muniment:guess"):
            asked = {"subprotocols": [Subprotocol("prefect")], "proxy": None}
            with connect(url, **asked) as line:  # type: ignore[arg-type]  # two of its many
                line.send(json.dumps({"type": "auth", "token": token}))
                with pytest.raises(ConnectionClosed):
                    line.recv(timeout=20)
        with connect(url, subprotocols=[Subprotocol("prefect")], proxy=None) as line:
            line.send(json.dumps({"type": "auth", "token": served.api.auth}))
            assert json.loads(line.recv(timeout=20)) == {"type": "auth_success"}
        with (
            pytest.raises(InvalidStatus),
            connect(url, subprotocols=[Subprotocol("prefect")], proxy=None, origin=served.api.ui),  # type: ignore[arg-type]  # a name for str
        ):
            pass


class _Any(dict[str, str]):
    def __missing__(self, _: str) -> str:
        return "muniment"


async def _connected(served: Served) -> None:
    with temporary_settings(client_settings(served.api)):
        async with get_events_client(), get_events_subscriber(), get_logs_subscriber():
            pass


def test_prefects_own_clients_of_events_and_logs_get_in(served: Served):
    asyncio.run(_connected(served))


def test_the_verb_prints_an_address_for_one_browser(served: Served):
    finished = served.archive.run("ui")
    assert finished.returncode == 0, finished.stderr
    address, _, ticket = finished.stdout.strip().partition("#")
    assert address == f"{served.api.ui}/door"
    assert served.api.auth not in finished.stdout
    brought = {"headers": {"Origin": served.api.ui}, "content": ticket}
    password = httpx.post(address, **brought).raise_for_status().text  # type: ignore[arg-type]  # two of its many
    user, _, key = password.partition(":")
    assert httpx.get(f"{served.api.url}/version", auth=(user, key)).status_code == 200
