"""The flow ``report``: what is kept, in numbers, as a page in ``reports/``."""

from datetime import date

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.reports.gathering import ReportRequest
from flows.archive.reports.markdown import report_markdown
from flows.archive.reports.page import headline
from flows.archive.reports.report import keep_report
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, run_job
from preservation.errors import ConfigurationError
from preservation.model.identifiers import collection_name
from preservation.model.paths import printable


class ReportParameters(JobParameters):
    """The form of the flow ``report``."""

    collection: str = Field(default="", title="Collection", description="Only of this one. Empty: of all.")
    since: date | None = Field(
        default=None,
        title="Since",
        description="Damage, restores, drills and removals count from this day on. Empty: one year back.",
    )
    days: int = Field(
        default=0,
        title="Days",
        ge=0,
        le=3650,
        description="A replica that was not read for so many days is overdue; 0: as its policy says.",
    )

    @property
    def request(self) -> ReportRequest:
        """What is to be reported. Raises ``ConfigurationError`` where that is invalid."""
        try:
            return ReportRequest(
                collection_name(self.collection) if self.collection else None, self.since, self.days or None
            )
        except ValueError as error:
            raise ConfigurationError(str(error)) from error


def _run_name() -> str:
    collection = flow_run.parameters.get("collection")
    return f"report holdings of {printable(str(collection))}" if collection else "report holdings"


@flow(name="report", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def report(directory: str, collection: str = "", since: str | None = None, days: int = 0) -> State[str]:
    """Report the holdings of the installation in ``directory``; nothing but the report is written."""
    parameters = {"directory": directory, "collection": collection, "since": since, "days": days}

    def work(settings: Settings) -> JobResult:
        form = parse_form(ReportParameters, parameters)
        made, page = keep_report(settings, form.request)
        sentence = headline(made)
        LOG.info("%s", sentence)
        return JobResult("Reported", sentence, (), markdown=report_markdown(made, page))

    return run_job("report holdings", directory, work)


DEFINITION = JobDefinition(
    Job.REPORT,
    ReportParameters,
    "Reports what is kept in numbers: growth, formats, replicas and how many were read in time, damage, "
    "restores, drills, removals, and what is due to be read. The page is kept in reports/, to be printed. "
    "Reads no store. A run ends as *Reported*, or as *Interrupted* (the system).",
)
