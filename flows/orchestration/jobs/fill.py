"""The flow ``fill``: write into each store the packages that it lacks, or that are gone from it."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.fill import FillOutcome, fill_installation
from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled
from flows.archive.fill_request import FillRequest
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, Rows, run_job, with_dry_run
from preservation.model.amounts import count
from preservation.model.paths import printable


class FillParameters(JobParameters):
    """The form of the flow ``fill``."""

    dry_run: bool = Field(
        default=False, title="Dry run", description="Report what stores lack; copy nothing."
    )


def _run_name() -> str:
    return with_dry_run("fill stores", dry_run=bool(flow_run.parameters.get("dry_run")))


@flow(name="fill", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def fill(directory: str, dry_run: bool = False) -> State[str]:  # noqa: FBT001, FBT002  a field of the form
    """Fill the stores of the installation in ``directory``; the state says whether one lacks something."""
    rows: Rows = []

    def work(settings: Settings) -> JobResult:
        form = parse_form(FillParameters, {"directory": directory, "dry_run": dry_run})
        found = []
        for one in fill_installation(settings, FillRequest(dry_run=form.dry_run)):
            _log(one, dry_run=form.dry_run)
            found.append(one)
            rows.append(_row(one, dry_run=form.dry_run))
        return _result(found, rows, dry_run=form.dry_run)

    return run_job("fill stores", directory, work, lambda: rows)


def _log(one: FillOutcome, *, dry_run: bool) -> None:
    if isinstance(one, FilledReplica):
        LOG.info("%s: %s store %s", one.package, "is lacking in" if dry_run else "copied into", one.store)
    else:
        LOG.warning("%s", one.sentence)


def _row(one: FillOutcome, *, dry_run: bool) -> dict[str, str]:
    if isinstance(one, LeftForLater):
        return {"store": "", "package": "", "is": "left", "why": one.sentence}
    package = printable(str(one.package or "all that it lacks"))
    if isinstance(one, FilledReplica):
        return {"store": one.store, "package": package, "is": "lacking" if dry_run else "copied", "why": ""}
    if not isinstance(one, NotFilled):
        return {"store": "", "package": package, "is": "below its policy", "why": one.sentence}
    what = "damaged or gone" if one.damage else "not copied"
    return {"store": one.store, "package": package, "is": what, "why": printable(one.sentence)}


def _result(found: list[FillOutcome], rows: Rows, *, dry_run: bool) -> JobResult:
    left = [one for one in found if not isinstance(one, FilledReplica)]
    damaged = [one for one in left if isinstance(one, NotFilled) and one.damage]
    not_copied = [one for one in left if isinstance(one, NotFilled) and not one.damage]
    short = [one for one in left if not isinstance(one, NotFilled)]
    filled = len(found) - len(left)
    sentence = f"{count(filled, 'replica')} {'to be copied' if dry_run else 'copied'}."
    if not_copied:
        sentence += f" {len(not_copied):,} could not be: {not_copied[0].sentence}"
    if damaged:
        sentence += f" {len(damaged):,} are damaged or gone: {damaged[0].sentence}"
    if short:
        sentence += f" {len(short):,} have less than their policies ask for: {short[0].sentence}"
    name = "Damaged" if damaged else "Lacking" if left or (filled and dry_run) else "Filled"
    return JobResult(with_dry_run(name, dry_run=dry_run), sentence, rows, good=not left)


DEFINITION = JobDefinition(
    Job.FILL_STORES,
    FillParameters,
    "Copies into each store the packages that it lacks, because it was away or is new, and those that are "
    "gone from it as a whole; each file is compared as it is read, and read back from where it rests. The "
    "journal records each replica. Where more than a tenth of a store is gone, nothing is written into it "
    "before a person has looked. A run ends as *Filled*; as *Lacking* (a store is away, a package could not "
    "be copied, or has less than its policy asks for: the table says why); as *Damaged* (a store does not "
    "hold what was promised, which is an alarm too); or as "
    "*Interrupted* (the system).",
)
