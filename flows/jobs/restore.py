"""The flow ``restore``: what is kept, back out of the stores, into the folder that the form names."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.jobs.ending import Ended, named, run_job
from flows.jobs.forms import RestoreParameters, asked
from flows.log import LOG
from flows.restore import restore_object, summary_of
from flows.settings import Settings
from preservation.model.paths import shown
from storage.restore.outcomes import Restored


def _run_name() -> str:
    given = flow_run.parameters
    return named(f"restore {shown(str(given.get('object_name')))}", dry_run=bool(given.get("dry_run")))


@flow(name="restore", flow_run_name=_run_name, persist_result=False, validate_parameters=False)
def restore(  # a parameter for each field of the form
    directory: str,
    object_name: str,
    target: str,
    object_version: int = 0,
    files: list[str] | None = None,
    whole: bool = False,  # noqa: FBT001, FBT002  a field of the form
    store: str = "",
    dry_run: bool = False,  # noqa: FBT001, FBT002  a field of the form
) -> State[str]:
    """Restore an object of the installation in ``directory`` into ``target``; nothing is overwritten."""
    given = {
        "directory": directory,
        "object_name": object_name,
        "target": target,
        "object_version": object_version,
        "files": files or [],
        "whole": whole,
        "store": store,
        "dry_run": dry_run,
    }

    def work(settings: Settings) -> Ended:
        form = asked(RestoreParameters, given)
        restored = restore_object(form.order, settings, dry_run=form.dry_run)
        summary = summary_of(restored, dry_run=form.dry_run)
        LOG.info("%s", summary)
        name = named("Incomplete" if restored.lost else "Restored", dry_run=form.dry_run)
        return Ended(name, summary, _rows(restored), good=not restored.lost)

    return run_job("restore package", directory, work)


def _rows(restored: Restored) -> list[dict[str, str]]:
    rows = [{"what": "files", "of": "restored", "is": f"{restored.files:,}"}]
    if restored.folder is not None:
        rows.append({"what": "folder", "of": "restored", "is": shown(str(restored.folder))})
    rows += [
        {"what": "files", "of": f"store {store}", "is": f"{files:,}"}
        for store, files in sorted(restored.sources.items())
    ]
    gravest_first = sorted(restored.issues, key=lambda issue: issue.severity.value)
    return rows + [
        {"what": issue.severity.value, "of": str(issue.code), "is": f"{issue.message} {issue.next_step}"}
        for issue in gravest_first
    ]
