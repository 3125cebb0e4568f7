"""Makes the report of the holdings, and keeps it in ``reports/``."""

from pathlib import Path

from flows.archive.reports.contents import HoldingsReport
from flows.archive.reports.gathering import ReportRequest, gather_report
from flows.archive.reports.page import report_json, report_page
from flows.installation.disk_faults import translated_faults
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import now, open_installation
from preservation.files.durable import written_whole


def make_report(settings: Settings, request: ReportRequest) -> HoldingsReport:
    """Return the report as things are now. Raises ``StorageError`` where the database does not answer."""
    with open_installation(settings) as installation:
        return gather_report(installation, request, now())


def keep_report(settings: Settings, request: ReportRequest) -> tuple[HoldingsReport, Path]:
    """Make the report as a run of the job, keep it as a page and as JSON; return it, and where the page is.

    Another one of the same day and collection takes its place. Raises ``StorageError``.
    """
    with recorded_run(Job.REPORT, settings):
        report = make_report(settings, request)
        of = "" if report.collection is None else f"-{report.collection}"
        page = settings.reports / f"{report.at:%Y-%m-%d}-report{of}.html"
        with translated_faults(settings):
            settings.reports.mkdir(exist_ok=True)
            keep_file(page.with_suffix(".json"), report_json(report))
            keep_file(page, report_page(report))
        return report, page


def keep_file(path: Path, content: bytes) -> None:
    """Write a file that appears whole, in place of an older one. Raises ``OSError``."""
    with written_whole(path) as sink:
        sink.write(content)
