"""The flow ``clear``: remove from ``accepted/`` what is proved to be kept, when its time is over."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.jobs.ending import Ended, named, run_job
from flows.jobs.forms import ClearParameters, asked
from flows.log import LOG
from flows.settings import Settings
from flows.watching.clearing import Cleared, Clearing, clear_installation
from preservation.model.paths import shown


def _run_name() -> str:
    return named("clear accepted", dry_run=bool(flow_run.parameters.get("dry_run")))


@flow(name="clear", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def clear(directory: str, dry_run: bool = False) -> State[str]:  # noqa: FBT001, FBT002  a field of the form
    """Clear ``accepted/`` of the installation in ``directory``; the state says whether all of it went."""
    # Over all tries: what one of them removed is there no more for the next one.
    rows: list[dict[str, str]] = []

    def work(settings: Settings) -> Ended:
        form = asked(ClearParameters, {"directory": directory, "dry_run": dry_run})
        cleared = clear_installation(settings, dry_run=form.dry_run)
        rows.extend(_row(one, dry_run=form.dry_run) for one in cleared)
        return _ended(rows, dry_run=form.dry_run)

    return run_job("clear accepted", directory, work)


def _row(one: Clearing, *, dry_run: bool) -> dict[str, str]:
    drop = shown(str(one.path))
    if isinstance(one, Cleared):
        what = "would be removed" if dry_run else "removed"
        LOG.info("%s: %s (%s)", one.kept.package, what, drop)
    else:
        what = "stays"
        LOG.warning("%s: stays: %s", drop, one.sentence)
    return {"drop": drop, "what": what, "why": one.sentence}


def _ended(rows: list[dict[str, str]], *, dry_run: bool) -> Ended:
    if not rows:
        return Ended(named("Nothing due", dry_run=dry_run), "Nothing in accepted/ is due.", rows)
    stays = sum(row["what"] == "stays" for row in rows)
    removed = f"{len(rows) - stays:,} {'would be removed' if dry_run else 'removed'}"
    if not stays:
        return Ended(named("Cleared", dry_run=dry_run), f"Of what was due, {removed}.", rows)
    sentence = f"Of what was due, {stays:,} had to stay, {removed}; the table says why."
    return Ended(named("Stays", dry_run=dry_run), sentence, rows, good=False)
