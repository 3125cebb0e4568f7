"""Package: take a version number, plan the bag."""

from __future__ import annotations

from collections.abc import Iterable

from flows.stages.stage import Stage, end
from flows.wiring import SOFTWARE_VERSION, Installation, now
from flows.workspace import Numbered, Workspace, only
from preservation.model.events import Event
from preservation.model.verdicts import Verdict
from preservation.packaging.contents import PackageContents
from preservation.packaging.planning import plan_package
from storage.ports.catalogue import AlreadyKept

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
    planned = plan_package(
        PackageContents(
            package=number.package,
            submission=submission,
            received=only(workspace.received),
            policy=installation.policy_of(submission.object.collection),
            survey=workspace.survey,
            screened=workspace.screened,
            decisions=workspace.decisions,
            derivatives=workspace.derivatives,
            supplied=workspace.supplied,
            events=tuple(event for stage in _EARLIER for event in workspace.events(stage)),
            engines=tuple(workspace.engines),
            created_at=number.at,
            software_version=SOFTWARE_VERSION,
        ),
        workspace.root,
    )
    return (planned.summary.event,)


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
