"""The flow ``seal``: give stores and witnesses what they lack of the journal; have it time-stamped."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.alarms.alarms import give_notice
from flows.alarms.occasions import head_notice
from flows.archive.journal_seal import seal_as_job
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, run_job
from preservation.model.paths import printable


class SealParameters(JobParameters):
    """The form of the flow ``seal``."""


@flow(name="seal", flow_run_name="seal the journal", persist_result=False, validate_parameters=False)
def seal(directory: str) -> State[str]:
    """Seal the journal of the installation in ``directory``; what was damaged raises an alarm."""

    def work(settings: Settings) -> JobResult:
        parse_form(SealParameters, {"directory": directory})
        sealed = seal_as_job(settings, lambda signed: give_notice(settings, head_notice(signed, now())))
        rows = [{"what was found": printable(one)} for one in (*sealed.repairs, *sealed.absences)]
        up_to = f"Sealed up to entry {sealed.signed.head.seq}." if sealed.signed else "Nothing was signed."
        LOG.info("%s", up_to)
        if sealed.absences:
            return JobResult("Not everywhere", f"{up_to} {' '.join(sealed.absences)}", rows, good=False)
        name = "Repaired" if sealed.repairs else "Sealed"
        return JobResult(name, up_to, rows, good=not sealed.repairs)

    return run_job("seal journal", directory, work)


DEFINITION = JobDefinition(
    Job.SEAL_JOURNAL,
    SealParameters,
    "Signs the journal, reads all of it that the stores have, and gives stores and witnesses what they lack, "
    "or have damaged; asks time stamping authorities, where some are configured. A run ends as *Sealed*; as "
    "*Repaired*, which is an alarm too; as *Not everywhere*: a store, a witness or an authority could not be "
    "reached, or gave no sound time stamp; or as *Interrupted* (the system).",
)
