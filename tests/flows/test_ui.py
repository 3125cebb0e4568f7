"""What operators see in Prefect's UI: the runs, a run's receipt, a deployment's form; in a real browser.

With MUNIMENT_PICTURES=FOLDER each page is saved there as it was seen: `make pictures` makes those of docs/.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from services.browser import Page, page
from support.archives import Archive
from support.flow_runs import installed, preserved

from demonstration.drawing import map_sheet, save_scan, srgb_profile
from flows.installation.settings_file import load_settings
from flows.orchestration.deployments import PRESERVE_DROPS, register_deployments
from flows.orchestration.server import PrefectApi, prefect_api
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
        found: list[dict[str, Any]] = httpx.post(f"{self.api.url}/{what}/filter", json={}).json()
        return found

    def run(self, name: str) -> dict[str, Any]:
        """The run of that name."""
        [run] = [run for run in self.found("flow_runs") if run["name"] == name]
        return run


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("ui")
    made = installed(folder / "archive", "")
    with prefect_api(load_settings(made.directory)) as api:
        archive = Archive(made.directory, api.url)
        for name in ("sheet-012", "sheet-013"):
            (folder / name).mkdir()
            sheet = folder / name / f"{name}.tif"
            save_scan(map_sheet((600, 420), name), sheet, 300, srgb_profile())
        # As a scanner leaves it that ran out of space.
        sheet.write_bytes(sheet.read_bytes()[:-3504])
        ends = [
            preserved(archive, folder / name, "maps").ending.verdict for name in ("sheet-012", "sheet-013")
        ]
        assert ends == [Verdict.STORED, Verdict.REJECTED]
        register_deployments(load_settings(archive.directory), api)
        yield Ui(archive, api)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Page]:
    with page(tmp_path / "browser") as opened:
        yield opened


@pytest.fixture
def keep(browser: Page) -> Callable[[str], None]:
    """Save what is seen now under that name, where somebody asked for pictures."""

    def kept(name: str) -> None:
        folder = os.environ.get("MUNIMENT_PICTURES")
        if folder:
            # What fades in has done so.
            time.sleep(1)
            browser.picture(Path(folder) / f"{name}.png")

    return kept


def test_the_list_of_runs_names_every_drop_and_tells_how_it_ended(
    ui: Ui, browser: Page, keep: Callable[[str], None]
):
    seen = browser.open(f"{ui.api.ui}/runs", "preserve maps/sheet-013")
    browser.wait_for("document.body.innerText.includes('Rejected')")
    seen = browser.text
    assert "preserve maps/sheet-012" in seen
    assert "Stored" in seen
    keep("runs")


def test_a_run_that_sent_a_drop_back_leads_to_its_receipt(ui: Ui, browser: Page, keep: Callable[[str], None]):
    run = ui.run("preserve maps/sheet-013")
    seen = browser.open(f"{ui.api.ui}/runs/flow-run/{run['id']}", "answer maps/sheet-013")
    assert "sheet-013.tif is a damaged image" in seen
    browser.wait_for(_CLICK.format(text="Artifacts"))
    browser.wait_for("document.body.innerText.includes('Receipt: maps/sheet-013')")
    keep("run")
    [receipt] = [
        one
        for one in ui.found("artifacts")
        if one["flow_run_id"] == run["id"] and one["key"].startswith("receipt-")
    ]
    seen = browser.open(f"{ui.api.ui}/artifacts/artifact/{receipt['id']}", "Sent back")
    assert "sheet-013.tif" in seen
    assert "What to do next" in seen
    assert "scanned again" in seen
    keep("receipt-artifact")


def test_the_form_of_a_deployment_says_what_each_field_is_for(
    ui: Ui, browser: Page, keep: Callable[[str], None]
):
    flow, _, name = PRESERVE_DROPS.partition("/")
    [deployment] = [one for one in ui.found("deployments") if one["name"] == name]
    browser.open(f"{ui.api.ui}/deployments/deployment/{deployment['id']}/run", "Installation")
    browser.wait_for(f"document.body.innerText.includes('{flow}')")
    seen = browser.text
    assert "The installation's directory, as the worker sees it" in seen
    assert "What is to be preserved; small drops may share a run." in seen
    filled = "[...document.querySelectorAll('input, textarea')].map(one => one.value).join('|')"
    assert str(ui.archive.directory) in str(browser.evaluated(filled))
    keep("form")
