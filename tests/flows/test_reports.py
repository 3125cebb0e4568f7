"""Reports: the numbers are those of what is kept, and a gap is shown as one."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from support.archives import Archive
from support.command_runs import NearArchive, near
from support.flow_runs import installed, preserved

from flows.archive.drills.drill import DrillRequest, drill_installation
from flows.archive.reports.cells import evidence_of
from flows.archive.reports.contents import HoldingsReport
from flows.archive.reports.facts import gather_facts
from flows.archive.reports.gathering import ReportRequest, gather_report
from flows.archive.reports.levels import LevelArea, LevelEvidence, Showing
from flows.archive.reports.page import report_page
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import CollectionName, StoreName
from preservation.model.paths import BagPath


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> NearArchive:
    """An installation in which two versions of a ledger are kept, of three and of four pages."""
    folder = tmp_path_factory.mktemp("reported")
    made = installed(folder / "archive")
    drop = folder / "drops" / "ledger"
    drop.mkdir(parents=True)
    for number in range(3):
        (drop / f"page {number}.txt").write_text(f"Page {number}\n" * 1000)
    preserved(made, drop)
    (drop / "page 3.txt").write_text("One more\n" * 1000)
    preserved(made, drop)
    return near(made)


def gathered(archive: Archive, request: ReportRequest | None = None, *, later: int = 0) -> HoldingsReport:
    with open_installation(load_settings(archive.directory)) as opened:
        return gather_report(opened, request or ReportRequest(), now() + timedelta(days=later))


def evidence(archive: Archive, *, later: int = 0) -> dict[tuple[LevelArea, int], LevelEvidence]:
    with open_installation(load_settings(archive.directory)) as opened:
        facts = gather_facts(opened, 90, now() + timedelta(days=later))
    return {(one.area, one.level): one for one in evidence_of(facts)}


def test_a_report_has_the_numbers_of_what_is_kept(archive: Archive):
    report = gathered(archive)
    assert msgspec.structs.astuple(report.kept)[:3] == (1, 2, 7)
    [month] = report.months
    assert (month.objects, month.versions, month.files) == (1, 2, 7)
    assert month.bytes_kept == month.bytes == report.kept.bytes
    [collection] = report.collections
    assert (collection.collection, collection.replicas, collection.overdue) == ("files", 4, 0)
    assert [(one.puid, one.name, one.files) for one in report.formats] == [
        ("x-fmt/111", "Plain Text File", 7)
    ]
    assert [(one.store, one.replicas, one.read, one.lacking) for one in report.stores] == [
        ("first", 2, 2, 0),
        ("second", 2, 2, 0),
    ]
    stored = sum(len(content) for content in archive.kept().values())
    assert report.stores[0].bytes == stored
    nothing = gathered(archive, ReportRequest(CollectionName("images")))
    assert (nothing.kept.objects, nothing.months, nothing.formats) == (0, (), ())


def test_what_is_overdue_is_read_on_the_first_day_and_a_share_of_all_on_every_other(archive: Archive):
    report = gathered(archive, ReportRequest(days=30), later=31)
    assert [(one.read, one.overdue) for one in report.stores] == [(0, 2), (0, 2)]
    assert report.collections[0].overdue == 4
    held = sum(one.bytes for one in report.stores)
    share = pytest.approx(held / 30, abs=2)
    assert (report.due[0].replicas, report.due[0].bytes) == (4, held)
    assert [one.bytes for one in report.due[1:]] == [share] * (len(report.due) - 1)
    soon = gathered(archive, ReportRequest(days=30), later=10)
    # Nothing was read for ten days: what the shares have not reached by then is overdue all at once.
    assert [one.bytes for one in soon.due[:21]] == [share] * 21
    assert soon.due[21].bytes == pytest.approx(held * 9 / 30, abs=2)


def test_acts_and_damage_are_counted_from_the_date_on(archive: Archive, tmp_path: Path):
    before = gathered(archive)
    assert archive.run("restore", "files/ledger", tmp_path / "restored").returncode == 0
    assert archive.run("journal", "verify").returncode == 0
    list(drill_installation(load_settings(archive.directory), DrillRequest(1, StoreName("first"))))
    with open_installation(load_settings(archive.directory)) as opened:
        [package, *_] = [kept.package for kept in opened.catalogue.packages()]
        promised = {Algorithm.SHA256: HexDigest("0" * 64)}
        path = BagPath("data/originals/<b>page</b>.txt")
        damage = Damage(package, StoreName("first"), path, DamageKind.MISSING, now(), promised)
        opened.audits.record_damage([damage], [])
    report = gathered(archive)
    assert (before.restores.acts, report.restores.acts, report.drills.acts) == (0, 1, before.drills.acts + 1)
    assert (report.damage.found, report.damage.open, report.damage.healed) == (1, 1, 0)
    assert report.journal.succeeded is not None
    tomorrow = gathered(archive, ReportRequest(since=(now() + timedelta(days=1)).date()))
    assert (tomorrow.restores.acts, tomorrow.drills.acts, tomorrow.damage.found) == (0, 0, 0)
    assert tomorrow.damage.open == 1
    page = report_page(report).decode()
    assert "&lt;b&gt;page" in page
    assert "<b>page" not in page


def test_the_page_is_kept_fetches_nothing_and_says_in_words_what_its_plots_show(archive: NearArchive):
    finished = archive.run("report")
    assert finished.returncode == 0, finished.stderr
    [page] = (archive.directory / "reports").glob("*-report.html")
    text = page.read_text()
    assert re.search(r"<script|<link|<img|https?://|url\(", text) is None
    assert text.count("<svg") == 2
    for plot in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        labelled = re.findall(r'aria-labelledby="([^"]+)"', plot)[0].split()
        assert all(f'id="{name}"' in plot for name in labelled)
        assert re.search(r"<title id=.*</title>\s*<desc id=[^>]*>[^<]+bars?, from", plot)
    assert json.loads(page.with_suffix(".json").read_text())["kept"]["versions"] == 2
    run = record_of(Job.REPORT, load_settings(archive.directory))
    assert (run.fault, run.ended is not None) == ("", True)


def test_json_and_csv_go_where_they_are_sent(archive: NearArchive, tmp_path: Path):
    told = json.loads(archive.run("report", "--format", "json").stdout)
    assert (told["version"], told["kept"]["files"]) == (1, 7)
    target = tmp_path / "numbers.csv"
    assert archive.run("report", "--format", "csv", "--to", target).returncode == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert {"measure": "kept files", "of": "all", "value": "7", "unit": "files"} in rows
    assert archive.run("report", "--format", "csv", "--to", tmp_path / "no" / "where.csv").returncode == 6
    assert archive.run("report", "--collection", "NO").returncode == 2


def test_every_cell_of_the_levels_has_evidence_and_what_software_cannot_know_is_not_claimed(archive: Archive):
    cells = evidence(archive)
    assert set(cells) == {(area, level) for area in LevelArea for level in (1, 2, 3, 4)}
    assert all(one.asks and one.found and one.by for one in cells.values())
    assert cells[LevelArea.CONTROL, 1].showing is Showing.NOT_SHOWN
    assert cells[LevelArea.STORAGE, 2].showing is Showing.LACKING
    assert "2 versions with fewer than 3 replicas" in cells[LevelArea.STORAGE, 2].gap
    assert cells[LevelArea.CONTENT, 1].showing is Showing.SHOWN
    for one in cells.values():
        assert one.showing is not Showing.SHOWN or not (one.gap or one.unknowable), one


def test_a_site_less_or_a_reading_too_few_shows_in_the_levels(archive: Archive):
    late = evidence(archive, later=91)[LevelArea.INTEGRITY, 3]
    assert late.showing is Showing.LACKING
    assert "4 replicas were not read within 90 days" in late.gap
    file = archive.directory / "muniment.toml"
    as_before = file.read_text()
    try:
        file.write_text(as_before.replace('site = "second-site"', 'site = "first-site"'))
        near_by = evidence(archive)[LevelArea.STORAGE, 1]
    finally:
        file.write_text(as_before)
    assert (near_by.showing, near_by.gap) == (Showing.LACKING, "2 versions on fewer than 2 sites")


def test_what_the_settings_do_not_name_is_no_difference_of_the_stores_in_the_levels(archive: Archive):
    one_kind = evidence(archive)
    assert "all stores of which it is named are on one kind of media" in one_kind[LevelArea.STORAGE, 3].gap
    file = archive.directory / "muniment.toml"
    as_before = file.read_text()
    try:
        file.write_text(re.sub(r'^(media|provider) = ".*"$', "", as_before, flags=re.MULTILINE))
        unnamed = evidence(archive)
    finally:
        file.write_text(as_before)
    assert "the settings name no media of any store" in unnamed[LevelArea.STORAGE, 3].gap
    assert "the settings name no provider of any store" in unnamed[LevelArea.STORAGE, 4].gap


def test_a_policy_that_ignores_the_manifests_that_come_with_content_shows_in_the_levels(archive: Archive):
    policy = archive.directory / "policies" / "bit-level.toml"
    as_before = policy.read_text()
    assert "supplied_manifests" in as_before
    try:
        policy.write_text(
            re.sub(r'supplied_manifests( *)= ".*"', r'supplied_manifests\1= "ignore"', as_before)
        )
        cell = evidence(archive)[LevelArea.INTEGRITY, 1]
    finally:
        policy.write_text(as_before)
    assert "manifests that come with content" in cell.gap
    assert cell.showing is Showing.PARTLY


def test_of_an_installation_in_which_nothing_is_kept_nothing_is_shown(installation: Archive):
    assert {one.showing for one in evidence(installation).values()} == {Showing.NOT_SHOWN}
    page = report_page(gathered(installation)).decode()
    assert "There is nothing to show." in page


def test_the_levels_are_told_as_lines_and_as_a_page(archive: NearArchive):
    lines = [json.loads(line) for line in archive.run("report", "ndsa", "--json").stdout.splitlines()]
    assert len(lines) == 20
    assert {"area", "level", "asks", "showing", "found", "by", "gap", "unknowable", "at"} < lines[0].keys()
    assert "storage 2  LACKING" in archive.run("report", "ndsa").stdout
    finished = archive.run("report", "ndsa", "--html")
    text = Path(finished.stdout.split(maxsplit=1)[1].strip()).read_text()
    assert text.count('<tr><th scope="row">') == 20
    assert re.search(r"<script|<link|<img|https?://", text) is None


def test_each_collection_is_overdue_by_its_own_policy_unless_days_are_given(archive: Archive):
    policy = archive.directory / "policies" / "bit-level.toml"
    as_before = policy.read_text()
    try:
        own = '[[fixity.store]]\nname = "second"\nevery = "20 days"\n'
        policy.write_text(f'{as_before}\n[fixity]\nevery = "10 days"\n{own}')
        report = gathered(archive, later=15)
        assert [(one.store, one.overdue) for one in report.stores] == [("first", 2), ("second", 0)]
        first, second = (one.bytes for one in report.stores)
        # The first store's are overdue; of the second one a twentieth is read.
        assert report.due[0].bytes == pytest.approx(first + second / 20, abs=2)
        assert report.due[1].bytes == pytest.approx(first / 10 + second / 20, abs=2)
        assert report.days is None
        assert gathered(archive, ReportRequest(days=15), later=15).collections[0].overdue == 0
    finally:
        policy.write_text(as_before)


def test_what_was_only_written_since_the_date_was_not_read_again(archive: NearArchive):
    assert [one.read_again for one in gathered(archive).stores] == [0, 0]
    assert archive.run("audit", "--store", "first", "--all").returncode in {0, 4}
    assert [one.read_again for one in gathered(archive).stores] == [2, 0]


def test_a_report_of_one_collection_is_no_run_of_the_job(archive: NearArchive):
    before = record_of(Job.REPORT, load_settings(archive.directory))
    assert archive.run("report", "--collection", "files").returncode == 0
    assert record_of(Job.REPORT, load_settings(archive.directory)) == before
    assert list((archive.directory / "reports").glob("*-report-files.html"))
