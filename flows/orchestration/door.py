"""The door before Prefect's server: who may ask, under which name, and what the pages may ask for.

Prefect's server answers every origin, every host name and every account of the machine, and lets each of them
name a command for a run. The door is ASGI middleware in the server's own process. It refuses

- every host name but those of loopback, so that no page is served under a name that its author chose;
- every request of another origin, and every request that a browser says another site made;
- everything without a password but what ``_is_public`` lists.

It grants nothing to cookies. A browser keeps its password in the storage of this very origin, which includes
the port, and Prefect's pages send it themselves; a cookie would go to every port of the machine, and along
with requests that other pages make.
"""

import base64
import binascii
import hashlib
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.installation.server_secret import DOOR_PATH, BrowserSessions

_NAMES: Final = ("127.0.0.1", "localhost")
_HEALTH: Final = ("/api/health", "/api/ready")
_LISTINGS: Final = ("/docs", "/redoc", "/openapi.json")
"""Pages that describe the API; they load scripts from elsewhere, and no page of the UI leads there."""

_READING: Final = ("GET", "HEAD")
_LONGEST_TICKET: Final = 512

POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page of the UI may load and ask: this server, and no other.

``'unsafe-eval'``: PixiJS, which draws the graph of a run, makes functions of text.
"""

_SCRIPT: Final = """
const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
fetch(location.pathname, {method: "POST", body: ticket}).then(async (answer) => {
  if (!answer.ok) throw new Error(answer.status);
  localStorage.setItem("prefect-password", btoa(await answer.text()));
  location.replace("/runs");
}).catch(() => {
  document.body.textContent = "This link was used, or is too old. muniment ui prints a new one.";
});
"""
_PAGE: Final = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Muniment</title></head>'
    f"<body><p>One moment …</p><script>{_SCRIPT}</script></body></html>"
)
_PAGE_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'"
)


class Door:
    """Lets requests through to ``app`` that bring ``secret``, or a password that a ticket was exchanged for.

    Prefect's own check of the secret stays behind it: it is what asks connections of WebSockets, in their
    first message. Prefect's pages open none, so one that names an origin is refused here.
    """

    def __init__(self, app: ASGIApp, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._authorization = f"Basic {base64.b64encode(secret.encode()).decode()}"
        self._sessions = BrowserSessions(secret, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or connection, or let it through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connection(scope, receive, send)
        else:
            answer = await self._answer(scope, receive)
            await (answer or self._app)(scope, receive, _sender(send))

    async def _connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if _refusal(scope, headers) or "origin" in headers:
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return what the door itself answers; ``None`` lets the request through."""
        headers = MutableHeaders(scope=scope)
        refusal = _refusal(scope, headers)
        if refusal:
            return refusal
        if scope["path"] == DOOR_PATH:
            return await self._admission(Request(scope, receive))
        if self._sessions.knows(_password(headers)):
            # Prefect knows the secret alone.
            headers["authorization"] = self._authorization
            return None
        return None if _is_public(scope) else _refused(401, "Unauthorized")

    async def _admission(self, request: Request) -> Response:
        """Return the page that brings the ticket, or exchange the ticket."""
        if request.method in _READING:
            headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"}
            return HTMLResponse(_PAGE, headers=headers)
        if request.method != "POST" or "origin" not in request.headers:
            return _refused(403, "Only the page of the door brings tickets")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_TICKET:
                return _refused(413, "This is no ticket")
        password = self._sessions.exchange(body.decode("ascii", "replace"))
        if password is None:
            return _refused(403, "This ticket was used, or is too old")
        return PlainTextResponse(password, headers={"Cache-Control": "no-store"})


def _refusal(scope: Scope, headers: Headers) -> Response | None:
    """Return what is answered to a request that comes under a foreign name, or from elsewhere."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _is_loopback(hosts[0]):
        return _refused(421, "This server has another name")
    if any(origin != f"http://{hosts[0]}" for origin in headers.getlist("origin")):
        return _refused(403, "Another origin may not ask")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(scope, headers):
        return _refused(403, "Another site may not ask")
    return None


def _is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine, at any port: a tunnel to it may begin at another one."""
    name, separator, port = host.partition(":")
    return name in _NAMES and (not separator or (port.isascii() and port.isdigit()))


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Return whether a person follows a link from elsewhere to a page."""
    page = scope.get("method") == "GET" and not _is_api(scope["path"])
    return (
        page and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _is_public(scope: Scope) -> bool:
    """Return whether all may have it: that the server is well, and Prefect's pages, which hold no data."""
    path = scope["path"]
    if scope["method"] not in _READING or path.startswith(_LISTINGS):
        return False
    return path in _HEALTH or not _is_api(path)


def _password(headers: Headers) -> str:
    """Return what the request brings as its ``user:password`` (RFC 7617); empty for nothing."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _refused(status: int, reason: str) -> Response:
    # Without WWW-Authenticate: a browser that asks for a password itself sends it whichever page asks.
    return JSONResponse({"exception_message": reason}, status)


def _sender(send: Send) -> Send:
    """Return ``send`` that adds to every answer what a browser is to keep to."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers.keys() if name.startswith("access-control-")]:  # noqa: SIM118
                del headers[name]
            headers.setdefault("Content-Security-Policy", POLICY)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        await send(message)

    return sent
