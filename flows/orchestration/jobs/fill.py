"""The flow ``fill``: copy into each store the packages that it lacks, because it was away or is new."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.fill import FilledReplica, NotFilled, fill_installation
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
        for one in fill_installation(settings, dry_run=form.dry_run):
            _log(one, dry_run=form.dry_run)
            found.append(one)
            rows.append(_row(one, dry_run=form.dry_run))
        return _result(found, rows, dry_run=form.dry_run)

    return run_job("fill stores", directory, work, lambda: rows)


def _log(one: FilledReplica | NotFilled, *, dry_run: bool) -> None:
    if isinstance(one, FilledReplica):
        LOG.info("%s: %s store %s", one.package, "is lacking in" if dry_run else "copied into", one.store)
    else:
        LOG.warning("%s", one.sentence)


def _row(one: FilledReplica | NotFilled, *, dry_run: bool) -> dict[str, str]:
    package = printable(str(one.package or "all that it lacks"))
    if isinstance(one, FilledReplica):
        return {"store": one.store, "package": package, "is": "lacking" if dry_run else "copied", "why": ""}
    what = "damaged or gone" if one.damage else "not copied"
    return {"store": one.store, "package": package, "is": what, "why": printable(one.sentence)}


def _result(found: list[FilledReplica | NotFilled], rows: Rows, *, dry_run: bool) -> JobResult:
    left = [one for one in found if isinstance(one, NotFilled)]
    damaged = [one for one in left if one.damage]
    not_copied = [one for one in left if not one.damage]
    filled = len(found) - len(left)
    sentence = f"{count(filled, 'replica')} {'to be copied' if dry_run else 'copied'}."
    if not_copied:
        sentence += f" {len(not_copied):,} could not be: {not_copied[0].sentence}"
    if damaged:
        sentence += f" {len(damaged):,} are damaged or gone: {damaged[0].sentence}"
    name = "Damaged" if damaged else "Lacking" if left or (filled and dry_run) else "Filled"
    return JobResult(with_dry_run(name, dry_run=dry_run), sentence, rows, good=not left)


DEFINITION = JobDefinition(
    Job.FILL_STORES,
    FillParameters,
    "Copies into each store the packages that it lacks, because it was away or is new; each file is "
    "compared as it is read, and read back from where it rests. The journal records each replica. A run "
    "ends as *Filled*; as *Lacking* (a store is away, or a package could not be copied: the table says "
    "why); as *Damaged* (a store does not hold what was promised, which is an alarm too); or as "
    "*Interrupted* (the system).",
)
