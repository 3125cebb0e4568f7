"""The flow ``clear``: remove from ``accepted/`` what is proved to be kept, when its time is over."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.inboxes.accepted.clear import ClearedDrop, ClearResult, RetainedDrop, clear_installation
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, Rows, run_job, with_dry_run
from preservation.model.amounts import count
from preservation.model.paths import printable


class ClearParameters(JobParameters):
    """The form of the flow ``clear``."""

    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Read everything back and report what would be removed; remove nothing.",
    )


def _run_name() -> str:
    return with_dry_run("clear accepted", dry_run=bool(flow_run.parameters.get("dry_run")))


@flow(name="clear", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def clear(directory: str, dry_run: bool = False) -> State[str]:  # noqa: FBT001, FBT002  a field of the form
    """Clear ``accepted/`` of the installation in ``directory``; the state says whether all of it went."""
    # Over all tries: what one try removed is gone for the next one.
    found: dict[Path, ClearResult] = {}

    def work(settings: Settings) -> JobResult:
        form = parse_form(ClearParameters, {"directory": directory, "dry_run": dry_run})
        for path in [path for path, one in found.items() if isinstance(one, RetainedDrop)]:
            # It is examined anew.
            del found[path]
        for one in clear_installation(settings, dry_run=form.dry_run):
            _log(one, dry_run=form.dry_run)
            found[one.path] = one
        return _result(list(found.values()), dry_run=form.dry_run)

    def rows_so_far() -> Rows:
        return _rows(found.values(), dry_run=dry_run)

    return run_job("clear accepted", directory, work, rows_so_far)


def _log(one: ClearResult, *, dry_run: bool) -> None:
    drop = printable(str(one.path))
    if isinstance(one, ClearedDrop):
        LOG.info("%s: %s (%s)", one.kept.package, _gone(dry_run=dry_run), drop)
    else:
        LOG.warning("%s: stays: %s", drop, one.sentence)
    for fault in one.unsound:
        LOG.error("%s in store %s is unsound: %s", fault.package, fault.store, fault.sentence)


def _gone(*, dry_run: bool) -> str:
    return "would be removed" if dry_run else "removed"


def _rows(found: Iterable[ClearResult], *, dry_run: bool) -> Rows:
    rows: Rows = []
    for one in found:
        drop = printable(str(one.path))
        what = _gone(dry_run=dry_run) if isinstance(one, ClearedDrop) else "stays"
        rows.append({"drop": drop, "what": what, "why": one.sentence})
        rows += [
            {
                "drop": drop,
                "what": "unsound replica",
                "why": f"{fault.package} in store {fault.store}: {fault.sentence}",
            }
            for fault in one.unsound
        ]
    return rows


def _result(found: Sequence[ClearResult], *, dry_run: bool) -> JobResult:
    if not found:
        return JobResult(with_dry_run("Nothing due", dry_run=dry_run), "Nothing in accepted/ is due.", ())
    rows = _rows(found, dry_run=dry_run)
    stays = sum(not isinstance(one, ClearedDrop) for one in found)
    unsound = sum(len(one.unsound) for one in found)
    removed = f"{len(found) - stays:,} {_gone(dry_run=dry_run)}"
    sentence = f"Of what was due, {removed}."
    if stays:
        sentence = f"Of what was due, {stays:,} had to stay, {removed}; the table says why."
    if unsound:
        sentence += f" Not as they were kept: {count(unsound, 'replica')}; the table names each."
    name = "Stays" if stays else "Damaged" if unsound else "Cleared"
    return JobResult(with_dry_run(name, dry_run=dry_run), sentence, rows, good=not stays and not unsound)


DEFINITION = JobDefinition(
    Job.CLEAR,
    ClearParameters,
    "Removes drops from accepted/ that are there for longer than their policy's accepted_days, each only "
    "where it is unchanged and as many replicas of its package as the policy asks for were read back "
    "just before. The removal stands in the journal. A run ends as *Cleared* or *Nothing due*; as "
    "*Stays* (something that was due had to stay: the table says why); or as *Interrupted* (the system).",
)
