"""Package: take a version number, find what earlier versions hold, plan the bag."""

from __future__ import annotations

from collections.abc import Iterable

from flows.kept_payload import payload_files
from flows.stages.stage import Stage, chronicle_of, end
from flows.wiring import SOFTWARE_VERSION, Installation, now
from flows.workspace import Numbered, Workspace, only
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.model.verdicts import Verdict
from preservation.packaging.contents import PackageContents
from preservation.packaging.planning import plan_package
from storage.ports.catalogue import AlreadyKept
from storage.reuse import Reusable, reusable

_EARLIER = ("survey", "screen", "plan", "normalize")


def _package(workspace: Workspace, installation: Installation) -> Iterable[Event]:
    if not workspace.number.exist:
        kept = _take_number(workspace, installation)
        if kept is not None:
            end(
                workspace,
                Verdict.ALREADY_KEPT,
                f"The same content was kept as {kept.package} while this drop was on its way.",
                package=kept.package,
                replicas=kept.replicas,
            )
            return ()
    number = only(workspace.number)
    submission = workspace.submission
    reused = _reusable(workspace, installation, number.package)
    workspace.unsound.write(reused.unsound)
    planned = plan_package(
        PackageContents(
            package=number.package,
            submission=submission,
            received=only(workspace.received),
            policy=workspace.policy,
            survey=workspace.survey,
            screened=workspace.screened,
            decisions=workspace.decisions,
            derivatives=workspace.derivatives,
            supplied=workspace.supplied,
            events=tuple(event for stage in _EARLIER for event in workspace.events(stage)),
            engines=tuple(workspace.engines),
            created_at=number.at,
            software_version=SOFTWARE_VERSION,
            earlier=reused.files,
        ),
        workspace.root,
    )
    if not reused.files and not reused.unsound:
        return (planned.summary.event,)
    relied_on = chronicle_of(workspace).relied_on(
        str(number.package), len(reused.files), reused.bytes, len(reused.unsound)
    )
    return (relied_on, planned.summary.event)


PACKAGE = Stage("package", _package)


def _take_number(workspace: Workspace, installation: Installation) -> AlreadyKept | None:
    submission = workspace.submission
    reservation = installation.catalogue.reserve(
        submission.identifier, submission.object, only(workspace.fingerprint)
    )
    if isinstance(reservation, AlreadyKept):
        return reservation
    workspace.number.write([Numbered(reservation.package, now())])
    return None


def _reusable(workspace: Workspace, installation: Installation, package: PackageId) -> Reusable:
    """Find what of the payload need not be written again."""
    return reusable(
        installation.catalogue,
        package,
        (file.digests[Algorithm.SHA256] for file in payload_files(workspace)),
        installation.stores_for(workspace.policy),
        threads=installation.settings.work.reading_threads,
    )
