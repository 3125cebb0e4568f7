"""Package: take a version number, find what earlier versions hold, plan the bag."""

from collections.abc import Iterable
from typing import Protocol

from flows.installation.wiring import SOFTWARE_VERSION, now
from flows.submission.stages.ports import HasCatalogue, HasSettings, HasStores
from flows.submission.stages.stage import Stage, end, ingest_events_of
from flows.submission.workspace import Numbered, Workspace, only, payload_files
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.model.verdicts import Verdict
from preservation.packaging.contents import PackageContents
from preservation.packaging.planning import plan_package
from storage.ports.catalogue import AlreadyKept
from storage.reuse import Reusable, reusable


class PackagingPorts(HasSettings, HasCatalogue, HasStores, Protocol):
    """What packaging asks of an installation."""


_EARLIER = ("survey", "screen", "plan", "normalize")


def _package(workspace: Workspace, ports: PackagingPorts) -> Iterable[Event]:
    if not workspace.number.exist:
        kept = _take_number(workspace, ports)
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
    reused = _reusable(workspace, ports, number.package)
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
    relied_on = ingest_events_of(workspace).relied_on(
        str(number.package), len(reused.files), reused.bytes, len(reused.unsound)
    )
    return (relied_on, planned.summary.event)


PACKAGE = Stage("package", _package)


def _take_number(workspace: Workspace, ports: PackagingPorts) -> AlreadyKept | None:
    submission = workspace.submission
    reservation = ports.catalogue.reserve(
        submission.identifier, submission.object, only(workspace.fingerprint)
    )
    if isinstance(reservation, AlreadyKept):
        return reservation
    workspace.number.write([Numbered(reservation.package, now())])
    return None


def _reusable(workspace: Workspace, ports: PackagingPorts, package: PackageId) -> Reusable:
    """Find what of the payload need not be written again."""
    return reusable(
        ports.catalogue,
        package,
        (file.digests[Algorithm.SHA256] for file in payload_files(workspace)),
        ports.stores_for(workspace.policy),
        threads=ports.settings.work.threads,
    )
