"""Package: take a version number, find what earlier versions hold, plan the bag."""

from collections.abc import Iterable
from typing import Protocol

from flows.installation.wiring import SOFTWARE_VERSION, now
from flows.submission.stages.already_kept import PresencePorts, end_if_there
from flows.submission.stages.compare import compare, is_approved, is_outdated, version_before
from flows.submission.stages.describe import describe
from flows.submission.stages.plan import every_issue, issues_of_the_whole
from flows.submission.stages.sidecars import copied_sidecars
from flows.submission.stages.stage import Stage, end, ingest_events_of
from flows.submission.workspace import Numbered, Workspace, only, payload_files
from preservation.errors import PreservationError, StorageError
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.packaging.contents import PackageContents
from preservation.packaging.planning import plan_package
from preservation.planning.judgement import judge
from storage.ports.catalogue import AlreadyKept
from storage.replication.occupation import Occupation, occupied_sentence, what_lies_in
from storage.reuse import Reusable, reusable


class PackagingPorts(PresencePorts, Protocol):
    """What packaging asks of an installation."""


_EARLIER = ("survey", "screen", "plan", "normalize")


def _package(workspace: Workspace, ports: PackagingPorts) -> Iterable[Event]:
    if not workspace.number.exist and not _take_number(workspace, ports):
        return ()
    number = only(workspace.number)
    if is_outdated(workspace, ports.catalogue) and _ended_anew(workspace, ports):
        return ()
    submission = workspace.submission
    received = only(workspace.received)
    if not workspace.description.exist:
        # The drop was surveyed by a release that did not record it.
        describe(workspace, received)
    reused = _reusable(workspace, ports, number.package)
    workspace.unsound.write(reused.unsound)
    planned = plan_package(
        PackageContents(
            package=number.package,
            submission=submission,
            received=received,
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
            description=only(workspace.description).statements,
            described=workspace.described,
            sidecars=copied_sidecars(workspace),
            before=before.package if (before := version_before(workspace, ports.catalogue)) else None,
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


def _take_number(workspace: Workspace, ports: PackagingPorts) -> bool:
    """Take a version number; return whether there is one: the same content may have been kept meanwhile.

    Raises ``StorageError`` where it was, and is not in the stores: the next try keeps the drop anew; or where
    something lies under the number that is no version: it is somebody's, and would be removed for this one.
    """
    submission = workspace.submission
    doubted = next((one.package for one in workspace.doubted.so_far), None)
    reservation = ports.catalogue.reserve(
        submission.identifier, submission.object, only(workspace.fingerprint), doubted
    )
    if isinstance(reservation, AlreadyKept):
        found = end_if_there(workspace, ports, reservation.package)
        if found is not None:
            why = " ".join(issue.message for issue in found.issues)
            raise StorageError(
                f"{reservation.package}: the same content was kept while this drop was on its way, and is "
                f"not in the stores as it was kept. {why} Preserve the drop again: it is then kept anew"
            )
        return False
    package = reservation.package
    empty_in = []
    for store in ports.stores_for(workspace.policy):
        try:
            lying = what_lies_in(store, package)
        except PreservationError:
            # It is away. What may lie there is not known, and not removed.
            continue
        if lying is Occupation.EMPTY:
            empty_in.append(store.name)
        elif lying is Occupation.UNCOMMITTED:
            ports.catalogue.release(submission.identifier)
            raise StorageError(occupied_sentence(store, package))
    workspace.number.write([Numbered(package, now(), tuple(empty_in))])
    return True


def _ended_anew(workspace: Workspace, ports: PackagingPorts) -> bool:
    """Compare with the version that was kept meanwhile; end the submission where it is not to be kept so."""
    compare(workspace, ports.catalogue)
    judgement = judge(every_issue(workspace), approved=is_approved(workspace, ports.catalogue))
    if judgement.verdict is not None:
        end(workspace, judgement.verdict, judgement.sentence, issues=issues_of_the_whole(workspace))
    return judgement.verdict is not None


def _reusable(workspace: Workspace, ports: PackagingPorts, package: PackageId) -> Reusable:
    """Find what of the payload need not be written again."""
    return reusable(
        ports.catalogue,
        ports.journal,
        package,
        (file.digests[Algorithm.SHA256] for file in payload_files(workspace)),
        ports.stores_for(workspace.policy),
        threads=ports.settings.work.threads,
    )
