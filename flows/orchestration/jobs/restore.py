"""The flow ``restore``: copies what is kept out of the stores into the folder that the form names."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.archive.restore import RestoreRequest, restore_object, summary_of
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.orchestration.jobs.definition import JobDefinition, JobParameters, parse_form
from flows.orchestration.jobs.ending import JobResult, run_job, with_dry_run
from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreName, VersionNumber, object_id_named
from preservation.model.paths import printable
from storage.restore.outcomes import Restored


class RestoreParameters(JobParameters):
    """The form of the flow ``restore``."""

    object_name: str = Field(
        title="Object",
        pattern="^[^/]+/[^/]+$",
        description="What to restore, written collection/object, for example maps/sheet-012.",
    )
    target: str = Field(
        title="Target",
        pattern="^/.",
        description=(
            "The whole path of the folder that the files go to, as the worker sees it; it is made if need "
            "be, and nothing in it is overwritten."
        ),
    )
    object_version: int = Field(
        default=0, title="Version", ge=0, description="Which version to restore; 0: the latest there is."
    )
    files: list[str] = Field(
        default_factory=list,
        title="Files",
        description="Only these files, as dropped or by their path in the bag; none named: all originals.",
    )
    whole: bool = Field(
        default=False,
        title="Whole bag",
        description="The complete bag instead of the originals, with what lies in earlier versions.",
    )
    store: str = Field(
        default="",
        title="Store",
        description="The store to read first; the others are asked for what it lacks. Empty: in their order.",
    )
    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Report what would be restored, and from where; write nothing.",
    )

    @property
    def request(self) -> RestoreRequest:
        """What is to be restored. Raises ``ConfigurationError`` where that is invalid."""
        object_id = object_id_named(self.object_name)
        if self.whole and self.files:
            raise ConfigurationError(
                "Whole bag and Files exclude each other: the whole bag, or some files of it"
            )
        return RestoreRequest(
            object_id,
            Path(self.target).resolve(),
            VersionNumber(self.object_version) if self.object_version else None,
            tuple(self.files),
            StoreName(self.store) if self.store else None,
            self.whole,
        )


def _run_name() -> str:
    parameters = flow_run.parameters
    return with_dry_run(
        f"restore {printable(str(parameters.get('object_name')))}", dry_run=bool(parameters.get("dry_run"))
    )


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
    parameters = {
        "directory": directory,
        "object_name": object_name,
        "target": target,
        "object_version": object_version,
        "files": files or [],
        "whole": whole,
        "store": store,
        "dry_run": dry_run,
    }

    def work(settings: Settings) -> JobResult:
        form = parse_form(RestoreParameters, parameters)
        restored = restore_object(form.request, settings, dry_run=form.dry_run)
        summary = summary_of(restored, dry_run=form.dry_run)
        LOG.info("%s", summary)
        name = with_dry_run("Incomplete" if restored.lost else "Restored", dry_run=form.dry_run)
        return JobResult(name, summary, _rows(restored), good=not restored.lost)

    return run_job("restore package", directory, work)


def _rows(restored: Restored) -> list[dict[str, str]]:
    rows = [{"what": "files", "of": "restored", "is": f"{restored.files:,}"}]
    if restored.folder is not None:
        rows.append({"what": "folder", "of": "restored", "is": printable(str(restored.folder))})
    rows += [
        {"what": "files", "of": f"store {store}", "is": f"{files:,}"}
        for store, files in sorted(restored.sources.items())
    ]
    gravest_first = sorted(restored.issues, key=lambda issue: issue.severity.value)
    return rows + [
        {"what": issue.severity.value, "of": str(issue.code), "is": f"{issue.message} {issue.next_step}"}
        for issue in gravest_first
    ]


DEFINITION = JobDefinition(
    Job.RESTORE,
    RestoreParameters,
    "Restores the originals of a kept object, or the whole bag, into a folder that the worker can write "
    "to; every byte is compared as it lands, and nothing is overwritten. A run ends as *Restored*; as "
    "*Incomplete* (some file could be had from no store); as *Refused* (no such object, or something is "
    "in the way: the message says what); or as *Interrupted* (the system).",
)
