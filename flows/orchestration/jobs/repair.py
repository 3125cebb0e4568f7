"""The flow ``repair``: put damaged files right, from replicas that have them as they were kept."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.repair import repair_damage
from flows.archive.repair_approval import approve_repairs, parse_numbers
from flows.archive.repair_results import ENDED, RepairResult, RepairState
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, Rows, run_job, with_dry_run
from preservation.model.amounts import count
from preservation.model.paths import printable


class RepairParameters(JobParameters):
    """The form of the flow ``repair``."""

    approve: str = Field(
        default="",
        title="Approve",
        description="The numbers of damages to approve first, such as 3, 5-90; a run's table lists them.",
    )
    by: str = Field(
        default="", title="By", description="The name of the person who approves; the journal keeps it."
    )
    because: str = Field(
        default="", title="Because", description="Why they may be repaired; the journal keeps that too."
    )
    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Report what would be repaired; approve and change nothing.",
    )


def _run_name() -> str:
    return with_dry_run("repair damage", dry_run=bool(flow_run.parameters.get("dry_run")))


@flow(name="repair", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def repair(
    directory: str,
    approve: str = "",
    by: str = "",
    because: str = "",
    dry_run: bool = False,  # noqa: FBT001, FBT002  a field of the form
) -> State[str]:
    """Repair what may be repaired in the installation in ``directory``; the state says what is left."""
    rows: Rows = []

    def work(settings: Settings) -> JobResult:
        fields = {
            "directory": directory,
            "approve": approve,
            "by": by,
            "because": because,
            "dry_run": dry_run,
        }
        form = parse_form(RepairParameters, fields)
        numbers = parse_numbers([form.approve])
        if numbers and not form.dry_run:
            for one in approve_repairs(settings, numbers, by=form.by, because=form.because):
                LOG.info("damage %d: its repair is approved by %s", one.number, printable(form.by))
        results = []
        for result in repair_damage(settings, dry_run=form.dry_run):
            _log(result)
            results.append(result.state)
            rows.append(_row(result))
        return _result(results, rows, dry_run=form.dry_run)

    return run_job("repair damage", directory, work, lambda: rows)


def _log(result: RepairResult) -> None:
    fine = result.state in ENDED or result.state is RepairState.HEALABLE
    (LOG.info if fine else LOG.warning)("damage %d: %s", result.recorded.number, result.sentence)


def _row(result: RepairResult) -> dict[str, str]:
    damage = result.recorded.damage
    return {
        "damage": str(result.recorded.number),
        "store": damage.store,
        "package": printable(str(damage.package)),
        "file": printable(damage.path),
        "is": result.state,
        "why": printable(result.sentence),
    }


def _result(states: list[RepairState], rows: Rows, *, dry_run: bool) -> JobResult:
    lost = states.count(RepairState.NO_GOOD_REPLICA)
    not_healed = states.count(RepairState.NOT_HEALED)
    waiting = states.count(RepairState.WAITING)
    done = sum(state in ENDED for state in states)
    sentence = f"{count(done, 'file')} put right."
    if dry_run:
        sentence = f"{count(states.count(RepairState.HEALABLE), 'file')} to be put right."
    if waiting:
        sentence += f" {count(waiting, 'damage')} to be approved by a person."
    if not_healed:
        sentence += f" {count(not_healed, 'file')} could not be put right: the table says why."
    if lost:
        sentence += f" Of {count(lost, 'file')} no replica is as it was kept: nothing was touched."
    name = "Repaired" if done else "Nothing to repair"
    if dry_run:
        name = "Looked at"
    if waiting:
        name = "Waiting"
    if lost or not_healed:
        name = "Damaged" if lost else "Not repaired"
    return JobResult(with_dry_run(name, dry_run=dry_run), sentence, rows, good=not (lost or not_healed))


DEFINITION = JobDefinition(
    Job.REPAIR_DAMAGE,
    RepairParameters,
    "Puts damaged files right, each from a replica that has it as it was kept, as it was read just then; "
    "what lay there goes to the quarantine, and what was written is read back. `[repair]` in the "
    "settings says which damage is repaired: by default what a person approved, here or by `muniment repair "
    "approve`. A run ends as *Repaired*, *Nothing to repair*; as *Waiting* (a person has to approve: the "
    "table has the numbers); as *Not repaired* (a store is away, or lets nothing be replaced); as *Damaged* "
    "(no replica has some file as it was kept, which is an alarm too); or as *Interrupted* (the system).",
)
