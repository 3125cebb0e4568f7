"""The flow ``drill``: restore some versions from each store alone, and remove them again."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.drills.certificate import WORDS, chosen_sentence
from flows.archive.drills.drill import DrillRequest, drill_installation, plan_drills
from flows.archive.drills.progress import terminal_progress
from flows.archive.drills.record import DrillRecord, DrillVerdict, drills_folder
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, Rows, run_job, with_dry_run
from preservation.model import amounts
from preservation.model.identifiers import StoreName, object_id_named
from preservation.model.paths import printable


class DrillParameters(JobParameters):
    """The form of the flow ``drill``."""

    count: int = Field(
        default=3, title="Versions", ge=1, le=1000, description="How many versions to restore."
    )
    store: str = Field(
        default="", title="Store", description="Only from this store. Empty: from each that has the version."
    )
    object_name: str = Field(
        default="",
        title="Object",
        pattern="^([^/]+/[^/]+)?$",
        description="The latest version of this object, written collection/object. Empty: drawn at random.",
    )
    seed: int = Field(
        default=-1,
        title="Seed",
        ge=-1,
        description="The seed of an earlier drill, to draw as it did; -1: a new one.",
    )
    dry_run: bool = Field(
        default=False, title="Dry run", description="Report what would be drilled; restore nothing."
    )

    @property
    def request(self) -> DrillRequest:
        """What is to be drilled. Raises ``ConfigurationError`` where that is invalid."""
        return DrillRequest(
            self.count,
            StoreName(self.store) if self.store else None,
            object_id_named(self.object_name) if self.object_name else None,
            None if self.seed < 0 else self.seed,
        )


def _run_name() -> str:
    return with_dry_run("drill restores", dry_run=bool(flow_run.parameters.get("dry_run")))


@flow(name="drill", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def drill(  # a parameter for each field of the form
    directory: str,
    count: int = 3,
    store: str = "",
    object_name: str = "",
    seed: int = -1,
    dry_run: bool = False,  # noqa: FBT001, FBT002  a field of the form
) -> State[str]:
    """Drill restores of the installation in ``directory``; the state says whether all came out whole."""
    parameters = {
        "directory": directory,
        "count": count,
        "store": store,
        "object_name": object_name,
        "seed": seed,
        "dry_run": dry_run,
    }
    rows: Rows = []

    def work(settings: Settings) -> JobResult:
        form = parse_form(DrillParameters, parameters)
        if form.dry_run:
            return _planned(settings, form.request)
        # What a try before this one drilled stands in its table.
        found = []
        for record in drill_installation(settings, form.request, progress=terminal_progress(LOG.info)):
            found.append(record)
            rows.extend(_rows(record, settings))
            LOG.info("%s: %s", record.package, WORDS[record.verdict])
        return _result(found, rows)

    return run_job("drill restores", directory, work, lambda: rows)


def _planned(settings: Settings, request: DrillRequest) -> JobResult:
    planned = plan_drills(settings, request)
    rows = [
        {
            "package": printable(str(one.package)),
            "stores": " and ".join(stores),
            "why": chosen_sentence(one.choice),
        }
        for one, stores in planned
    ]
    sentence = f"{amounts.count(len(planned), 'version')} would be drilled."
    return JobResult(with_dry_run("Drilled", dry_run=True), sentence, rows)


def _rows(record: DrillRecord, settings: Settings) -> Rows:
    certificate = drills_folder(settings) / f"{record.stem}.html"
    return [
        {
            "package": printable(record.package),
            "store": one.store,
            "is": WORDS[one.verdict],
            "why": printable(one.sentence),
            "seconds": f"{one.seconds:.1f}",
            "certificate": printable(str(certificate)),
        }
        for one in record.replicas
    ]


def _result(found: list[DrillRecord], rows: Rows) -> JobResult:
    drilled = [(record, one) for record in found for one in record.replicas]
    not_good = [(record, one) for record, one in drilled if one.verdict is not DrillVerdict.RESTORED]
    sentence = (
        f"{amounts.count(len(found), 'version')} drilled, from {amounts.count(len(drilled), 'replica')}."
    )
    if not not_good:
        return JobResult("Restored", f"{sentence} Each came out as it was kept.", rows)
    record, first = not_good[0]
    sentence += (
        f" Not as they should be: {len(not_good):,}. {record.package} from {first.store}: {first.sentence}"
    )
    verdicts = {one.verdict for _, one in not_good}
    for verdict, name in (
        (DrillVerdict.DAMAGED, "Damaged"),
        (DrillVerdict.NOT_RESTORED, "Not restored"),
        (DrillVerdict.NOT_RENDERED, "Does not open"),
    ):
        if verdict in verdicts:
            return JobResult(name, printable(sentence), rows, good=False)
    raise AssertionError(verdicts)


DEFINITION = JobDefinition(
    Job.DRILL,
    DrillParameters,
    "Restores some versions, drawn at random, from each store alone into a scratch folder, compares every "
    "byte, opens images and PDFs, and removes all of it. A certificate of each is in reports/drills/. A run "
    "ends as *Restored*; as *Damaged*, which is an alarm too; as *Not restored* (a store is away); as *Does "
    "not open* (the bytes are right, and some file does not open); or as *Interrupted* (the system).",
)
