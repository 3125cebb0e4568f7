"""A real browser, Chromium without a window, that tells what it asked for and what it refused to do."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.request import urlopen

import pytest
from support.waiting import PATIENCE
from websockets.sync.client import ClientConnection, connect

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class _NavigatedError(Exception):
    """The page that was asked is no longer there."""


@dataclass
class Page:
    """A page of the browser. ``asked`` are the addresses of all requests, ``complaints`` what went wrong."""

    _line: ClientConnection
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def tell(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command of the DevTools protocol, and return its result."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._line.recv(timeout=PATIENCE))
            if message.get("id") == number:
                if message.get("error", {}).get("message") == "Inspected target navigated or closed":
                    raise _NavigatedError
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message["method"], message["params"])

    def open(self, url: str, text: str) -> str:
        """Go there, and wait until the text is to be read; return all that is."""
        self.tell("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while text not in (shown := self.text):
            assert time.monotonic() < deadline, (shown, self.complaints)
            time.sleep(0.2)
        return shown

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true in it."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluated(expression):
            assert time.monotonic() < deadline, (expression, self.text, self.complaints)
            time.sleep(0.2)

    @property
    def text(self) -> str:
        """What a person can read on it now."""
        return str(self.evaluated("document.body ? document.body.innerText : ''"))

    def evaluated(self, expression: str) -> object:
        """Evaluate an expression in it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
            except _NavigatedError:
                # The page has just gone to another one: it is asked there.
                assert time.monotonic() < deadline, (expression, self.complaints)
                continue
            return told["result"].get("value")

    def picture(self, file: Path) -> None:
        """Save what can be seen of it as a PNG."""
        file.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"]))

    def _note(self, method: str, told: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"]))


@dataclass(frozen=True)
class Browser:
    """A running Chromium. All pages have its cache and what sites have stored, but for those ``apart``."""

    _port: int

    @contextmanager
    def page(self, headers: Mapping[str, str] = _NO_HEADERS, *, apart: bool = False) -> Iterator[Page]:
        """Give a new page whose requests carry ``headers``; ``apart``, as of a browser that is new."""
        with connect(self._address(), max_size=None, proxy=None) as line:
            whole = Page(line)
            context = whole.tell("Target.createBrowserContext")["browserContextId"] if apart else None
            wanted = {"browserContextId": context} if context else {}
            target = whole.tell("Target.createTarget", url="about:blank", **wanted)["targetId"]
            address = f"ws://127.0.0.1:{self._port}/devtools/page/{target}"
            try:
                with connect(address, max_size=None, proxy=None) as of_page:
                    opened = Page(of_page)
                    for domain in ("Page", "Network", "Log", "Runtime"):
                        opened.tell(f"{domain}.enable")
                    opened.tell("Network.setExtraHTTPHeaders", headers=dict(headers))
                    yield opened
            finally:
                whole.tell("Target.closeTarget", targetId=target)
                if context:
                    whole.tell("Target.disposeBrowserContext", browserContextId=context)

    def _address(self) -> str:
        with urlopen(f"http://127.0.0.1:{self._port}/json/version", timeout=PATIENCE) as answer:
            return str(json.load(answer)["webSocketDebuggerUrl"])


@contextmanager
def browser(folder: Path, *options: str) -> Iterator[Browser]:
    """Give a browser that keeps what it has to keep in ``folder``; skip the test where there is no Chromium.

    ``options`` are further options of Chromium's command.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not here: apt-get install chromium")
    command = [
        program,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--window-size=1400,1000",
    ]
    command += ["--ignore-certificate-errors", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    command += ["--disable-background-networking", "--disable-dev-shm-usage", *options, "about:blank"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)}
    ) as process:
        try:
            yield Browser(_port_of(folder))
        finally:
            process.terminate()


@contextmanager
def page(folder: Path, headers: Mapping[str, str] = _NO_HEADERS, *options: str) -> Iterator[Page]:
    """Give a page of a browser of its own, as ``browser`` and its ``page`` do."""
    with browser(folder, *options) as running, running.page(headers) as opened:
        yield opened


def _port_of(folder: Path) -> int:
    """Return the port at which the DevTools protocol is spoken."""
    told = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text().count("\n")):
        assert time.monotonic() < deadline, "Chromium does not start"
        time.sleep(0.1)
    return int(told.read_text().splitlines()[0])
