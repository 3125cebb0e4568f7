"""The flow ``audit``: read again what is kept, every byte, and compare it with what was kept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.audit import AuditOutcome, NotAudited, audit_installation, audit_plan
from flows.archive.audit_plan import Share
from flows.archive.audit_progress import AuditProgress
from flows.archive.audit_provider import ProviderResult
from flows.archive.audit_request import AuditRequest, Selection, requested
from flows.archive.audit_sample import Sample
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, Rows, run_job, with_dry_run
from flows.orchestration.pause import RunPause
from preservation.model.amounts import byte_size
from preservation.model.paths import printable
from storage.audits.work import AuditResult


class AuditParameters(JobParameters):
    """The form of the flow ``audit``."""

    object_name: str = Field(
        default="", title="Object", description="Only this object, collection/name. Empty: what is due."
    )
    collection: str = Field(default="", title="Collection", description="Only this collection.")
    store: str = Field(default="", title="Store", description="Only this store.")
    everything: bool = Field(default=False, title="Everything", description="Whatever was read when.")
    sample: int = Field(default=0, ge=0, title="Sample", description="Only so many files of each store.")
    before: str = Field(default="", title="Before", description="What was last read before that, in UTC.")
    runs: int = Field(
        default=1, ge=1, le=64, title="Runs", description="So many runs share it, on as many workers."
    )
    shared_by: int = Field(
        default=1, ge=1, le=64, title="Shared by", description="Its part of what so many runs may read."
    )
    budget: str = Field(default="", title="Budget", description="Read at most that, as in 500 GB.")
    money: float = Field(
        default=0, ge=0, title="Money", description="Spend at most that, by the stores' prices. 0: no limit."
    )
    provider: bool = Field(
        default=False, title="Provider", description="Compare what providers state; read what differs."
    )
    dry_run: bool = Field(
        default=False, title="Dry run", description="Report what would be read; read nothing."
    )


def _run_name() -> str:
    asked = flow_run.parameters
    what = str(asked.get("object_name") or asked.get("collection") or "replicas")
    return with_dry_run(f"audit {printable(what)}", dry_run=bool(asked.get("dry_run")))


@flow(name="audit", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def audit(  # noqa: PLR0913, PLR0917  a parameter for each field of the form
    directory: str,
    object_name: str = "",
    collection: str = "",
    store: str = "",
    everything: bool = False,  # noqa: FBT001, FBT002  a field of the form
    sample: int = 0,
    before: str = "",
    runs: int = 1,
    shared_by: int = 1,
    budget: str = "",
    money: float = 0,
    provider: bool = False,  # noqa: FBT001, FBT002  a field of the form
    dry_run: bool = False,  # noqa: FBT001, FBT002  a field of the form
) -> State[str]:
    """Audit the installation in ``directory``; the state says whether anything is not as it was kept."""
    fields = {
        "directory": directory,
        "object_name": object_name,
        "collection": collection,
        "store": store,
        "everything": everything,
        "sample": sample,
        "before": before,
        "runs": runs,
        "shared_by": shared_by,
        "budget": budget,
        "money": money,
        "provider": provider,
        "dry_run": dry_run,
    }
    rows: Rows = []

    def work(settings: Settings) -> JobResult:
        form = parse_form(AuditParameters, fields)
        request = requested(
            object_name=form.object_name,
            collection=form.collection,
            store=form.store,
            everything=form.everything,
            sample=form.sample or None,
            budget=form.budget,
            before=form.before,
            money=form.money or None,
            shared_by=form.shared_by,
            provider=form.provider,
        )
        pause = RunPause()
        if request.selection is Selection.ALL and request.before is None:
            # Resumed, it does not read again what it read before it was paused.
            request = replace(request, before=pause.begun_at())
        if form.runs > 1 and not form.dry_run:
            request = _shared_out(form, request)
        shares = audit_plan(settings, request)
        if form.dry_run:
            return _plan(shares)
        # A sample is read to its end: half of one says nothing.
        goes_on = (lambda: True) if request.selection is Selection.SAMPLE else pause.goes_on
        progress = AuditProgress.of(request, shares)
        found: list[AuditOutcome] = []
        with progress.shown(_Bar(progress).show):
            for one in audit_installation(settings, request, read=progress.read, goes_on=goes_on):
                progress.add(one)
                if not isinstance(one, AuditResult) or not one.is_sound:
                    _log(one)
                    found.append(one)
                    rows.append(_row(one))
        pause.end()
        return _result(progress, found, rows)

    return run_job("audit replicas", directory, work, lambda: rows)


def _shared_out(form: AuditParameters, request: AuditRequest) -> AuditRequest:
    """Ask Prefect for the other runs that share the audit; return what this one does.

    All of them read what was not read before the same moment, so that none reads what another one has read.
    Each may read and spend its part of what all of them may.
    """
    if request.selection is Selection.ALL and request.before is None:
        request = replace(request, before=now())
    before = "" if request.before is None else request.before.isoformat()
    fields = {**form.model_dump(), "runs": 1, "shared_by": form.runs, "before": before}
    for _ in range(form.runs - 1):
        run = run_deployment(Job.AUDIT.full_name, parameters=fields, timeout=0, as_subflow=False)
        LOG.info("shared with the run %s", cast("FlowRun", run).name)
    return replace(request, shared_by=form.runs)


class _Bar:
    """The progress bar of the run in Prefect's UI; an audit that is short has none."""

    def __init__(self, progress: AuditProgress) -> None:
        self._progress = progress
        self._artifact: UUID | None = None

    def show(self, line: str) -> None:
        """Show how far it is; that Prefect does not accept it does not end the audit."""
        LOG.info("%s", line)
        percent = 100 * self._progress.share
        try:
            if self._artifact is None:
                made = create_progress_artifact(percent, key="audit", description=line)
                self._artifact = cast("UUID", made)
            else:
                update_progress_artifact(self._artifact, percent, description=line)
        except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors
            LOG.warning("Prefect does not accept the progress (%s)", type(error).__name__)


def _plan(shares: Sequence[Share]) -> JobResult:
    rows = [
        {
            "store": share.scope.store,
            "collection": share.scope.collection,
            "would be read": byte_size(share.bytes),
            "of": byte_size(share.total.bytes),
            "costs": "" if share.cost is None else f"{share.cost:,.2f}",
            "overdue": byte_size(share.overdue.bytes),
            "longest unread since": "" if share.total.oldest is None else f"{share.total.oldest:%Y-%m-%d}",
        }
        for share in shares
    ]
    size = byte_size(sum(share.bytes for share in shares))
    return JobResult(with_dry_run("Planned", dry_run=True), f"About {size} would be read.", rows)


def _log(one: AuditOutcome) -> None:
    match one:
        case ProviderResult():
            LOG.info("%s", one.sentence)
        case Sample():
            LOG.info("%s: %d files drawn from %s, seed %d", one.store, one.drawn, one.drawn_from, one.seed)
        case NotAudited():
            LOG.warning("%s", one.sentence)
        case AuditResult():
            for sentence in _sentences(one):
                LOG.error("%s", sentence)


def _sentences(one: AuditResult) -> list[str]:
    found = [*(each.sentence for each in one.damages), *one.doubts, one.unjudged]
    return [printable(sentence) for sentence in found if sentence]


def _row(one: AuditOutcome) -> dict[str, str]:
    match one:
        case ProviderResult():
            why = printable(". ".join([one.sentence, *one.sentences]))
            return {"store": one.store, "package": "", "is": "stated by the provider", "why": why}
        case Sample():
            what = f"{one.drawn:,} of {one.drawn_from}, seed {one.seed}"
            return {"store": one.store, "package": "", "is": "a sample", "why": what}
        case NotAudited():
            return {"store": one.store, "package": "", "is": "not read", "why": printable(one.sentence)}
        case AuditResult():
            return {
                "store": one.replica.store,
                "package": printable(str(one.replica.package)),
                "is": f"{one.damaged:,} not as kept" if one.damaged else "not known",
                "why": ". ".join(_sentences(one)),
            }


def _result(progress: AuditProgress, found: Sequence[AuditOutcome], rows: Rows) -> JobResult:
    is_damaged = any(
        isinstance(one, AuditResult) and ((one.damaged and not one.unjudged) or one.doubts) for one in found
    )
    not_read = any(
        (isinstance(one, NotAudited) and one.is_fault) or (isinstance(one, AuditResult) and one.unjudged)
        for one in found
    )
    seen = "As kept" if progress.replicas else "Nothing read"
    name = "Damaged" if is_damaged else "Not read" if not_read else seen
    return JobResult(name, progress.summary(), rows, good=not (is_damaged or not_read))


DEFINITION = JobDefinition(
    Job.AUDIT,
    AuditParameters,
    "Reads replicas from where they rest, every byte, and compares them with what was kept: by the pace of "
    "the policies, the longest unread first, or as the form says. Changes nothing in a store. A run ends as "
    "*As kept*, or as *Nothing read*, where nothing was due; as *Damaged*, which is an alarm too (muniment "
    "damage shows it); as *Not read* (a store is away, or lists are lost); or as *Interrupted* (the system). "
    "Runs that go on at the same time share what is to be read. Paused, a run stops; resumed, it goes on.",
)
