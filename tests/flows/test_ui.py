"""What operators see in Prefect's UI: the runs, a run's receipt, a deployment's form; in a real browser.

With MUNIMENT_PICTURES=FOLDER each page is saved there as it was seen: `make pictures` makes those of docs/.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from services import browser
from support.archives import Archive, share_secret
from support.flow_runs import ask_prefect, installed, preserved
from support.waiting import until

from demonstration.drawing import map_sheet, save_scan, srgb_profile
from flows.installation.server_secret import door_link, new_ticket
from flows.installation.settings_file import load_settings
from flows.orchestration.deployments import PRESERVE_DROPS, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.server import prefect_api
from preservation.model.verdicts import Verdict

_CLICK = """(() => {{
  const found = [...document.querySelectorAll('*')]
    .find(one => !one.children.length && one.textContent.trim() === '{text}');
  found?.click();
  return Boolean(found);
}})()"""


@dataclass(frozen=True)
class Ui:
    """A UI that shows what two drops came to: a map sheet that was kept, a truncated one that was not."""

    archive: Archive
    api: PrefectApi

    def found(self, what: str) -> list[dict[str, Any]]:
        """Ask Prefect's API: ``flow_runs``, ``artifacts``, ``deployments``."""
        return ask_prefect(self.api.url, what, {})

    def run(self, name: str) -> dict[str, Any]:
        """The run of that name."""
        [run] = [run for run in self.found("flow_runs") if run["name"] == name]
        return run


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("ui")
    made = installed(folder / "archive", "")
    share_secret(made.directory)
    with prefect_api(load_settings(made.directory)) as api:
        archive = Archive(made.directory, api.url)
        for name in ("sheet-012", "sheet-013"):
            (folder / name).mkdir()
            sheet = folder / name / f"{name}.tif"
            save_scan(map_sheet((600, 420), name), sheet, 300, srgb_profile())
        # As a scanner leaves it that ran out of space.
        sheet.write_bytes(sheet.read_bytes()[:-3504])
        ends = [
            preserved(archive, folder / name, "images", in_prefect=True).ending.verdict
            for name in ("sheet-012", "sheet-013")
        ]
        assert ends == [Verdict.STORED, Verdict.REJECTED]
        register_deployments(load_settings(archive.directory), api)
        yield Ui(archive, api)


@dataclass(frozen=True)
class Elsewhere:
    """All of the internet, at one port of this machine; ``begun`` is what each connection begins with."""

    port: int
    begun: list[str]


@pytest.fixture(scope="module")
def internet() -> Iterator[Elsewhere]:
    """The network of the browser."""
    begun: list[str] = []

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    begun.append(connection.recv(65536).decode("latin-1"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=listen)
        thread.start()
        yield Elsewhere(int(listener.getsockname()[1]), begun)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def elsewhere(internet: Elsewhere) -> list[str]:
    """What a test's page asks of other hosts than Prefect's."""
    internet.begun.clear()
    return internet.begun


@pytest.fixture(scope="module")
def chromium(
    ui: Ui, tmp_path_factory: pytest.TempPathFactory, internet: Elsewhere
) -> Iterator[browser.Browser]:
    """A browser that was let in by the address of the service, and whose network is ``internet``."""
    network = f"--host-resolver-rules=MAP * 127.0.0.1:{internet.port}, EXCLUDE 127.0.0.1"
    with browser.browser(tmp_path_factory.mktemp("browser"), network) as running:
        with running.page() as opened:
            opened.open(door_link(ui.api.ui, new_ticket(ui.api.auth, time.time())), "Items per page")
        yield running


@pytest.fixture
def page(chromium: browser.Browser) -> Iterator[browser.Page]:
    """A page of its own."""
    with chromium.page() as opened:
        yield opened


@pytest.fixture
def keep(page: browser.Page) -> Callable[[str], None]:
    """Save what is seen now under that name, where somebody asked for pictures."""

    def kept(name: str) -> None:
        folder = os.environ.get("MUNIMENT_PICTURES")
        if folder:
            # What fades in has done so.
            time.sleep(1)
            page.picture(Path(folder) / f"{name}.png")

    return kept


def test_the_list_of_runs_names_every_drop_and_tells_how_it_ended(
    ui: Ui, page: browser.Page, keep: Callable[[str], None]
):
    seen = page.open(f"{ui.api.ui}/runs", "preserve images/sheet-013")
    page.wait_for("document.body.innerText.includes('Rejected')")
    seen = page.text
    assert "preserve images/sheet-012" in seen
    assert "Stored" in seen
    keep("runs")


def test_a_run_that_sent_a_drop_back_leads_to_its_receipt(
    ui: Ui, page: browser.Page, keep: Callable[[str], None]
):
    run = ui.run("preserve images/sheet-013")
    seen = page.open(f"{ui.api.ui}/runs/flow-run/{run['id']}", "answer images/sheet-013")
    assert "sheet-013.tif is a damaged image" in seen
    page.wait_for(_CLICK.format(text="Artifacts"))
    page.wait_for("document.body.innerText.includes('Receipt: images/sheet-013')")
    keep("run")
    [receipt] = [
        one
        for one in ui.found("artifacts")
        if one["flow_run_id"] == run["id"] and one["key"].startswith("receipt-")
    ]
    seen = page.open(f"{ui.api.ui}/artifacts/artifact/{receipt['id']}", "Sent back")
    assert "sheet-013.tif" in seen
    assert "What to do next" in seen
    assert "scanned again" in seen
    keep("receipt-artifact")


def test_the_form_of_a_deployment_says_what_each_field_is_for(
    ui: Ui, page: browser.Page, keep: Callable[[str], None]
):
    flow, _, name = PRESERVE_DROPS.partition("/")
    [deployment] = [one for one in ui.found("deployments") if one["name"] == name]
    page.open(f"{ui.api.ui}/deployments/deployment/{deployment['id']}/run", "Installation")
    page.wait_for(f"document.body.innerText.includes('{flow}')")
    seen = page.text
    assert "The installation's directory, as the worker sees it" in seen
    assert "What is to be preserved; small drops may share a run." in seen
    filled = "[...document.querySelectorAll('input, textarea')].map(one => one.value).join('|')"
    assert str(ui.archive.directory) in str(page.evaluated(filled))
    keep("form")


def test_the_pages_need_nothing_that_they_are_refused_and_ask_no_other_host(
    ui: Ui, page: browser.Page, elsewhere: list[str]
):
    run = ui.run("preserve images/sheet-012")
    # The door's own page too.
    page.open(door_link(ui.api.ui, new_ticket(ui.api.auth, time.time())), "Items per page")
    # The graph of a run is what needs most: workers, and functions made of text.
    page.open(f"{ui.api.ui}/runs/flow-run/{run['id']}", "Stored")
    page.wait_for("!!document.querySelector('canvas')")
    for place, text in (
        ("dashboard", "Flow Runs"),
        ("flows", "preserve"),
        ("deployments", "preserve drops"),
        ("work-pools", "muniment"),
        ("blocks", "Blocks"),
        ("automations", "Automations"),
        ("events", "Event"),
        ("concurrency-limits", "Concurrency"),
        ("settings", "Settings"),
    ):
        page.open(f"{ui.api.ui}/{place}", text)
    # Prefect's own pages name icons that Prefect does not have.
    refused = [complaint for complaint in page.complaints if not complaint.endswith((".svg", "/favicon.ico"))]
    assert refused == []
    _require_nothing_elsewhere(ui, page, elsewhere)


def test_the_second_ui_would_ask_an_analytics_host_and_cannot(
    ui: Ui, page: browser.Page, elsewhere: list[str]
):
    page.open(f"{ui.api.ui}/dashboard", "V2 UI")
    page.wait_for(
        "(() => { const found = [...document.querySelectorAll('a, button')]"
        ".find(one => one.textContent.includes('V2 UI')); found?.click(); return Boolean(found); })()"
    )
    page.wait_for("location.pathname.startsWith('/v2')")
    page.wait_for("document.body.innerText.includes('Active Work Pools')")

    def is_refused() -> bool:
        # What the page complains of comes with what it is asked.
        page.evaluated("true")
        return any("amplitude" in one and "Content Security Policy" in one for one in page.complaints)

    until(is_refused, "it asks no other host any more: the policy is not what is seen to work")
    _require_nothing_elsewhere(ui, page, elsewhere)


def _require_nothing_elsewhere(ui: Ui, page: browser.Page, elsewhere: list[str]) -> None:
    """Require that the pages asked this server alone, and that asking another host would have been seen."""
    assert [url for url in page.asked if not url.startswith((ui.api.ui, "data:", "blob:", "about:"))] == []
    # Chromium itself asks its maker for the time, and whether there is something new.
    assert not [begun for begun in elsewhere if "amplitude" in begun]
    page.tell("Page.navigate", url="about:blank")
    page.wait_for("location.href === 'about:blank'")
    # A name of its own: it may be asked again when the next test looks for the other one.
    page.evaluated("fetch('https://api2.trapped.example/', {mode: 'no-cors'}).catch(() => 0)")
    until(lambda: any("trapped" in begun for begun in elsewhere), "the trap catches nothing")
