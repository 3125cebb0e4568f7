"""Makes the report of the holdings, and keeps it in ``reports/``."""

from contextlib import ExitStack
from pathlib import Path

from flows.archive.drills.record import MODE
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

    That of one collection is no run of the job. Another one of the same day and collection takes its place.
    Raises ``StorageError``.
    """
    with ExitStack() as run:
        if request.collection is None:
            run.enter_context(recorded_run(Job.REPORT, settings))
        report = make_report(settings, request)
        of = "" if report.collection is None else f"-{report.collection}"
        page = settings.reports / f"{report.at:%Y-%m-%d}-report{of}.html"
        with translated_faults(settings):
            make_reports_folder(settings)
            keep_file(page.with_suffix(".json"), report_json(report))
            keep_file(page, report_page(report))
        return report, page


def make_reports_folder(settings: Settings) -> None:
    """Make ``reports/`` where an older installation has none. Raises ``OSError``."""
    settings.reports.mkdir(mode=MODE, exist_ok=True)


def keep_file(path: Path, content: bytes) -> None:
    """Write a file that appears whole, in place of an older one. Raises ``OSError``."""
    with written_whole(path) as sink:
        sink.write(content)
