"""The flow ``verify``: check that no entry of the journal was altered, dropped, moved, put in or cut off."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.journal_check import JournalState, check_copy, check_journal
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, run_job
from preservation.model.paths import printable


class VerifyParameters(JobParameters):
    """The form of the flow ``verify``."""

    copy_at: str = Field(
        default="",
        title="Copy",
        pattern="^(/.*)?$",
        description=(
            "The whole path of an exported journal, or of the folder _journal of a store, as the worker "
            "sees it. Empty: the living journal, compared with the stores, the catalogue and the witnesses."
        ),
    )


def _run_name() -> str:
    copy_at = flow_run.parameters.get("copy_at")
    return f"verify the journal in {printable(str(copy_at))}" if copy_at else "verify the journal"


@flow(name="verify", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def verify(directory: str, copy_at: str = "") -> State[str]:
    """Verify the journal of the installation in ``directory``, or a copy; a broken one raises an alarm."""

    def work(settings: Settings) -> JobResult:
        form = parse_form(VerifyParameters, {"directory": directory, "copy_at": copy_at})
        checked = check_copy(Path(form.copy_at), settings) if form.copy_at else check_journal(settings)
        rows = [{"what was found": printable(one)} for one in (checked.headline, *checked.sentences)]
        if checked.state is JournalState.INTACT:
            LOG.info("intact: %s", checked.headline)
            return JobResult(checked.state.value, checked.headline, rows)
        found = " ".join((checked.headline, *checked.sentences))
        LOG.error("%s: %s", checked.state.upper(), found)
        if checked.state in {JournalState.BROKEN, JournalState.DISAGREES}:
            raise_alarm(settings, integrity_alarm("the journal", found, now()))
        return JobResult(checked.state.value, f"{checked.headline}. {checked.next_step}", rows, good=False)

    return run_job("verify journal", directory, work)


DEFINITION = JobDefinition(
    Job.VERIFY_JOURNAL,
    VerifyParameters,
    "Checks that no entry of the journal was altered, dropped, moved, put in or cut off since it was "
    "written, also against every store, the catalogue and the witnesses. Changes nothing. A run ends as "
    "*Intact*; as *Broken* or *Disagrees*, which are alarms too; as *Not compared*; or as *Interrupted* "
    "(the system).",
)
