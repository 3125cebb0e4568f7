"""The door before Prefect's server, with an application behind it that answers whatever comes through."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from flows.installation.server_secret import TICKET_SECONDS, new_ticket
from flows.orchestration.door import POLICY, Door

SECRET = "muniment:0123456789-0123456789-0123456789"  # noqa: S105  of a server that is not there
HERE = "127.0.0.1:4200"
OWN = f"http://{HERE}"


def basic(password: str) -> str:
    return f"Basic {base64.b64encode(password.encode()).decode()}"


@dataclass
class Answer:
    """What came back, and what the application behind the door got to see."""

    status: int
    headers: dict[str, str]
    body: bytes
    let_through: dict[str, str] | None


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Doorway:
    """A door, an application behind it, and a clock on the wall."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.door = Door(self._application, SECRET, self.clock)
        self._seen: dict[str, str] | None = None

    async def _application(self, scope: Scope, _: Receive, send: Send) -> None:
        self._seen = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        headers = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"behind the door"})

    def ask(
        self,
        method: str = "GET",
        path: str = "/api/flow_runs/filter",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        body: bytes = b"",
        kind: str = "http",
    ) -> Answer:
        listed = list(headers.items()) if isinstance(headers, dict) else headers
        if listed is None:
            listed = [("host", HERE)]
        sent: list[dict[str, Any]] = []
        scope = {
            "type": kind,
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in listed],
            "query_string": b"",
            **({"method": method} if kind == "http" else {}),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        self._seen = None
        asyncio.run(self.door(scope, receive, send))  # type: ignore[arg-type]  # as a server calls it
        first = sent[0]
        return Answer(
            first.get("status", {"websocket.accept": 101, "websocket.close": 403}.get(first["type"], 0)),
            {name.decode(): value.decode() for name, value in first.get("headers", [])},
            b"".join(message.get("body", b"") for message in sent),
            self._seen,
        )

    def ticket(self) -> str:
        return new_ticket(SECRET, self.clock.now)

    def bring(self, ticket: str, **headers: str) -> Answer:
        return self.ask("POST", "/door", {"host": HERE, "origin": OWN, **headers}, ticket.encode())


@pytest.fixture
def doorway() -> Doorway:
    return Doorway()


methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
paths = st.one_of(
    st.sampled_from(
        [
            "/api",
            "/api/",
            "/api/version",
            "/api/flow_runs/",
            "/api/deployments/1/create_flow_run",
            "/api/admin/settings",
            "/api/health/",
            "/api/health/../version",
            "/api/readyx",
            "/api/variables/name/health",
            "/docs",
            "/docs/oauth2-redirect",
            "/redoc",
            "/openapi.json",
        ]
    ),
    st.text(max_size=30).map("/api/{}".format).filter(lambda path: path not in ("/api/health", "/api/ready")),
)
hosts = st.one_of(
    st.sampled_from([HERE, "localhost:4200", "127.0.0.1", "evil.example", "127.0.0.1.evil.example:4200", ""]),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20),
)
wrong = st.one_of(
    st.none(),
    st.text(max_size=60).filter(lambda text: text != SECRET).map(basic),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60).filter(
        lambda text: text != basic(SECRET)
    ),
    st.sampled_from(
        [basic(SECRET)[:-1], basic(f"{SECRET} "), f"Bearer {SECRET}", basic("browser:a.b"), f"Basic {SECRET}"]
    ),
)


@given(methods, paths, hosts, st.sampled_from([None, OWN, "null", "http://evil.example"]), wrong)
def test_without_the_secret_nothing_of_the_api_is_answered_whatever_is_tried(
    method: str, path: str, host: str, origin: str | None, authorization: str | None
):
    headers = {"host": host}
    headers |= {"origin": origin} if origin else {}
    headers |= {"authorization": authorization} if authorization else {}
    answer = Doorway().ask(method, path, headers)
    assert answer.let_through is None
    assert answer.status in (401, 403, 421)
    assert "www-authenticate" not in answer.headers


@given(methods.filter(lambda method: method not in ("GET", "HEAD")), st.text(max_size=20).map("/{}".format))
def test_without_the_secret_nothing_is_done_anywhere(method: str, path: str):
    answer = Doorway().ask(method, path)
    assert answer.let_through is None


@pytest.mark.parametrize(
    "path", ["/api/health", "/api/ready", "/", "/runs", "/assets/index.js", "/v2/", "/ui-settings"]
)
def test_the_few_that_all_may_have_are_health_and_the_pages_without_data(doorway: Doorway, path: str):
    assert doorway.ask("GET", path).status == 200
    assert doorway.ask("POST", path).status == 401


@pytest.mark.parametrize("host", [HERE, "localhost:4200", "127.0.0.1", "localhost", "127.0.0.1:8080"])
def test_with_the_secret_everything_is_let_through_under_the_names_of_loopback(doorway: Doorway, host: str):
    for method in ("GET", "POST", "DELETE"):
        assert (
            doorway.ask(method, "/api/flows/", {"host": host, "authorization": basic(SECRET)}).status == 200
        )


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4200",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "127.0.0.1:4200,x",
        "localhost.",
        "0.0.0.0:4200",
        "[::1]:4200",
        "",
        "127.0.0.1:",
        "2130706433:4200",
    ],
)
def test_another_name_is_refused_with_the_secret_too(doorway: Doorway, host: str):
    assert doorway.ask("GET", "/api/health", {"host": host, "authorization": basic(SECRET)}).status == 421


def test_no_name_and_two_names_are_refused(doorway: Doorway):
    assert doorway.ask("GET", "/runs", {}).status == 421
    assert doorway.ask("GET", "/runs", [("host", HERE), ("host", "evil.example")]).status == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:4200", f"https://{HERE}"],
)
def test_another_origin_is_refused_with_the_secret_too(doorway: Doorway, origin: str):
    for method, path in (("OPTIONS", "/api/flow_runs/"), ("POST", "/api/flow_runs/"), ("GET", "/runs")):
        answer = doorway.ask(method, path, {"host": HERE, "origin": origin, "authorization": basic(SECRET)})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_a_browser_says_another_page_asks_for_is_refused(doorway: Doorway, site: str):
    visit = {"host": HERE, "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert doorway.ask("GET", "/runs", visit).status == 200
    assert doorway.ask("GET", "/api/health", visit).status == 403
    assert doorway.ask("POST", "/runs", visit).status == 403
    assert doorway.ask("GET", "/runs", {**visit, "sec-fetch-dest": "iframe"}).status == 403
    image = {"host": HERE, "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert (
        doorway.ask("GET", "/ico/favicon-32x32.png", {**image, "authorization": basic(SECRET)}).status == 403
    )


def test_a_connection_of_a_page_or_under_another_name_is_refused(doorway: Doorway):
    def connected(**headers: str) -> int:
        return doorway.ask(path="/api/events/in", headers={"host": HERE} | headers, kind="websocket").status

    assert connected() == 101
    assert connected(origin="http://evil.example") == 403
    assert connected(origin=OWN) == 403
    assert connected(host="evil.example") == 403


def test_every_answer_says_what_a_page_may_ask_and_none_lets_another_origin_read(doorway: Doorway):
    for answer in (
        doorway.ask("GET", "/runs"),
        doorway.ask("GET", "/api/version"),
        doorway.ask("GET", "/runs", {"host": "evil.example"}),
        doorway.ask("POST", "/api/flows/", {"host": HERE, "origin": OWN, "authorization": basic(SECRET)}),
    ):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_of_the_door_runs_its_own_script_only_and_holds_no_secret(doorway: Doorway):
    answer = doorway.ask("GET", "/door")
    found = re.search(rb"<script>(.*)</script>", answer.body, re.DOTALL)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1]).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert SECRET.encode() not in answer.body


def test_a_ticket_lets_one_browser_in_and_the_secret_stays_here(doorway: Doorway):
    ticket = doorway.ticket()
    answer = doorway.bring(ticket)
    password = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET not in password
    let_in = doorway.ask("POST", headers={"host": HERE, "origin": OWN, "authorization": basic(password)})
    assert let_in.let_through is not None
    assert let_in.let_through["authorization"] == basic(SECRET), "Prefect knows the secret alone"
    assert doorway.bring(ticket).status == 403, "it was used"


def test_another_server_does_not_know_the_browsers_of_this_one(doorway: Doorway):
    password = doorway.bring(doorway.ticket()).body.decode()
    assert Doorway().ask(headers={"host": HERE, "authorization": basic(password)}).status == 401


def test_a_ticket_that_is_too_old_or_altered_or_of_another_secret_is_worthless(doorway: Doorway):
    late, claim = doorway.ticket(), doorway.ticket().rpartition(".")[0]
    doorway.clock.now += TICKET_SECONDS + 1
    assert doorway.bring(late).status == 403
    for forged in (
        "",
        ".",
        "..",
        f"{claim}.",
        claim,
        new_ticket(SECRET[::-1], doorway.clock.now),
        "\xff" * 9,
    ):
        assert doorway.bring(forged).status == 403
    expires, nonce, signature = doorway.ticket().split(".")
    assert doorway.bring(f"{int(expires) + 60}.{nonce}.{signature}").status == 403
    assert doorway.bring("9" * 10_000).status == 413


def test_a_ticket_of_a_clock_that_was_ahead_does_not_last_longer(doorway: Doorway):
    doorway.clock.now += 3600
    ticket = doorway.ticket()
    doorway.clock.now -= 3600
    assert doorway.bring(ticket).status == 403


def test_only_the_page_of_this_origin_brings_a_ticket(doorway: Doorway):
    assert doorway.ask("POST", "/door", {"host": HERE}, doorway.ticket().encode()).status == 403
    assert doorway.bring(doorway.ticket(), origin="http://evil.example").status == 403
    assert doorway.bring(doorway.ticket(), host="evil.example", origin="http://evil.example").status == 421
